"""A study whose records are added while it is watched; the report that stays is the same."""

import hashlib
import re
import shutil
import threading
import time
import urllib.request

import pytest

from rankdet.live import builds
from rankdet.live.server import LiveServer
from rankdet.live.watching import Watch
from rankdet.report import build_report
from tests.live.fake import DONE, LATER, add, half_done
from tests.study.running import finish_training, train

CACHES = re.compile(r"/(intervals|pages)/")  # results that every build of a report stores


def wait(until, seconds=300):
    last = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < last, "nothing has changed"
        time.sleep(0.1)


def checksums(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A watch with its server, the study's folder, and the records to add."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(builds, "LEAST_PAUSE", 0.1)
    monkeypatch.setattr(builds, "SHARE", 10.0)
    study, aside = half_done(tmp_path)
    watch = Watch(study)
    server = LiveServer("127.0.0.1", 0, watch.page, watch.report)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    watch.start()
    yield watch, server, aside
    watch.stop()
    server.shutdown()
    server.server_close()
    thread.join()


def read(server, path=""):
    with urllib.request.urlopen(server.url + path) as answer:
        return answer.read().decode()


def test_pages_follow_a_training_to_its_end(watched, tmp_path):
    watch, server, aside = watched
    before = checksums(tmp_path / "results")
    run = tmp_path / "results/fake" / LATER
    wait(watch.report)
    first = watch.report()
    assert "not run yet" in read(server, f"report/runs/{LATER}.html")
    assert f'<a href="report/runs/{DONE}.html">' in read(server)
    train(run, 30)
    wait(lambda: "30 of 92 iterations" in read(server))
    finish_training(run)
    wait(lambda: "<strong>1</strong> trained, not evaluated yet" in read(server))
    add(tmp_path, aside)
    wait(lambda: "<strong>2</strong> done" in read(server))
    wait(lambda: "not run yet" not in read(server, f"report/runs/{LATER}.html"))
    wait(lambda: ", built at" in read(server) and "a newer one" not in read(server))
    assert watch.report() != first
    after = checksums(tmp_path / "results")
    kept = {name: sum_ for name, sum_ in after.items() if LATER not in name}
    assert {name: sum_ for name, sum_ in kept.items() if not CACHES.search(name)} == {
        name: sum_ for name, sum_ in before.items() if LATER not in name
    }
    assert not (tmp_path / "reports").exists()  # that folder belongs to the workflow


def test_a_study_that_is_removed_is_said_to_be_gone(watched, tmp_path):
    watch, server, _ = watched
    wait(watch.report)
    assert "is gone" not in read(server)
    shutil.rmtree(tmp_path / "results")
    wait(lambda: "The plan of the study is gone" in read(server))
    assert "a newer one comes" not in read(server)


def test_the_report_afterwards_is_the_same_as_without_a_watch(watched, tmp_path):
    watch, server, aside = watched
    wait(watch.report)
    add(tmp_path, aside)
    wait(lambda: "<strong>2</strong> done" in read(server))
    wait(lambda: ", built at" in read(server) and "a newer one" not in read(server))
    live, own = checksums(watch.report()), watch.report().parent
    watch.stop()
    assert not own.exists()
    results, alone = tmp_path / "results/fake", tmp_path / "alone/results/fake"
    shutil.copytree(results, alone, ignore=shutil.ignore_patterns("intervals"))
    after = build_report(results / "plan.json", tmp_path / "after")
    untouched = build_report(alone / "plan.json", tmp_path / "untouched")
    assert checksums(after.parent) == checksums(untouched.parent) == live
