"""The page of progress in a browser: it follows the study without being loaded again."""

import threading
import time

import pytest

from rankdet.live.page import ProgressPage, ReportState
from rankdet.live.server import LiveServer
from rankdet.study.progress import ProgressReader
from tests.report.browser import Browser
from tests.study.running import evaluate, fail, finish_training, train
from tests.study.tiny import study

KEYS = [f"shapes/{d}/{loss}/seed1" for d in ("retinanet", "atss") for loss in ("ap", "alrp+iou")]
TEXT = "return document.getElementById(arguments[0]).innerText"


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server, and the folders of the runs."""
    monkeypatch.chdir(tmp_path)
    schedule = {"image_size": 64, "batch_size": 2, "iterations": 92}
    made = study(schedule=schedule, untrained=False)
    reader, page = ProgressReader(made), ProgressPage(made.config)

    def rendered():
        return page.render(reader.read(), ReportState()), page.policy

    folders = [tmp_path / "results/tiny" / key for key in KEYS]
    train(folders[0], 20)
    finish_training(folders[1])
    evaluate(folders[1])
    server = LiveServer("127.0.0.1", 0, rendered, lambda: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server, folders
    server.shutdown()
    server.server_close()
    thread.join()


def wait(browser, part, words, seconds=30):
    last = time.monotonic() + seconds
    while words not in browser.run(TEXT, part):
        assert time.monotonic() < last, browser.run(TEXT, part)
        time.sleep(0.2)


def test_it_follows_the_runs_and_keeps_what_the_reader_opened(browser, served):
    server, folders = served
    browser.visit(server.url)
    browser.messages()
    browser.run("window.here = true; document.querySelectorAll('details')[1].open = true;")
    assert "20 of 92 iterations" in browser.run(TEXT, "running")
    assert browser.run("return document.querySelectorAll('#running svg.plot').length") == 1
    train(folders[0], 80)
    fail(folders[2], "out of memory")
    wait(browser, "running", "80 of 92 iterations")
    wait(browser, "failed", "failed: out of memory")
    finish_training(folders[0])
    evaluate(folders[0])
    wait(browser, "done", f"{KEYS[0]} trained, AP 25.0")
    assert browser.run("return window.here") is True  # never loaded again
    assert browser.run("return [...document.querySelectorAll('details')].every(d => d.open)")
    assert browser.run("return document.title").startswith("2 of 4 runs")
    assert browser.messages() == []  # also none of the content security policy


def test_it_says_when_the_server_has_ended(browser, served):
    server, _ = served
    browser.visit(server.url)
    assert not browser.run("return document.getElementById('lost').checkVisibility()")
    server.shutdown()
    server.server_close()
    wait(browser, "lost", "The server has ended.")


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_scrolls_no_page_sideways(browser, served, dark):
    browser.look(width=390, height=800, dark=dark)
    browser.visit(served[0].url)
    try:
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert (colour == "rgb(255, 255, 255)") is not dark
    finally:
        browser.look()
