"""Stored pages of runs: a second report is the same, and a changed run is made again."""

import json
import os
import shutil
import zlib
from pathlib import Path

import pytest

from rankdet.kept import keep, kept
from rankdet.report import build, build_report, compare_page
from rankdet.report.page_keys import stamp
from rankdet.report.page_store import FOLDER
from rankdet.results.layout import SHOWN
from rankdet.results.records import RecordedStudy
from tests.report.fake_study import SWEPT, make_study
from tests.report.pages import Page

RUNS = (
    ("retinanet", "focal", "", 1, "trained"),
    ("retinanet", "ap", "", 1, "trained"),
    ("retinanet", "ap", "", 2, "failed"),
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("stored"), runs=RUNS)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stored(plan: Path) -> set[str]:
    return {path.name for path in (plan.parent / FOLDER).iterdir()}


def test_stored_pages_give_the_same_report(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    known = stored(plan)
    assert len(known) == len(RUNS)
    assert content(build_report(plan, tmp_path / "b").parent) == first
    assert any(name.endswith(".webp") for name in first)  # images of stored pages are there
    assert any(name.endswith("metrics.csv") for name in first)
    assert stored(plan) == known
    shutil.rmtree(plan.parent / FOLDER)
    assert content(build_report(plan, tmp_path / "c").parent) == first


def test_only_a_changed_run_is_made_again(plan: Path, tmp_path: Path) -> None:
    build_report(plan, tmp_path / "a")
    before = stored(plan)
    os.utime(plan.parent / SWEPT / "detections.json", ns=(1, 1))
    build_report(plan, tmp_path / "b")
    assert len(before & stored(plan)) == len(RUNS) - 1
    assert len(stored(plan)) == len(RUNS)  # the page of the older state is gone


def test_a_damaged_page_is_made_again(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    for path in (plan.parent / FOLDER).iterdir():
        path.write_bytes(b"x\x9c cut")
    assert content(build_report(plan, tmp_path / "b").parent) == first


def test_an_edited_page_is_not_shown(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    one, other, *_ = sorted((plan.parent / FOLDER).iterdir())
    checksum, _, packed = one.read_bytes().partition(b"\n")
    better = zlib.compress(zlib.decompress(packed).replace(b"Reason", b"Result"))
    for edited in (better, checksum + b"\n" + better, other.read_bytes()):
        one.write_bytes(edited)
        assert content(build_report(plan, tmp_path / "b").parent) == first


OTHER_FORMS = {
    "not JSON": b"<p>",
    "not UTF-8": b'{"content": "\xff", "files": {}}',
    "nothing": b"",
    "a list": b"[]",
    "no keys": b"{}",
    "a number for a text": b'{"content": 5, "files": {}, "images": {}, "stamps": []}',
    "no files": b'{"content": "evil"}',
    "files of another type": b'{"content": "evil", "files": 5}',
    "a text that is a number": b'{"content": "evil", "files": {"metrics.csv": 5}}',
    "a file elsewhere": b'{"content": "evil", "files": {"../../evil.csv": "x"}}',
    "images without stamps": b'{"content": "evil", "images": {"val": [1]}}',
    "images that are no ids": b'{"content": "evil", "images": {"val": ["1"]}, "stamps": []}',
    "an unknown image": b'{"content": "evil", "images": {"val": [987654]}, "stamps": []}',
    "an unknown split": b'{"content": "evil", "images": {"no": [1]}, "stamps": []}',
    "curves without a title": b'{"curves": [{"kind": "evil"}]}',
    "curves that are no list": b'{"curves": {"kind": "evil"}}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("form", OTHER_FORMS.values(), ids=list(OTHER_FORMS))
def test_what_is_no_page_is_made_again_also_with_a_right_checksum(
    compared: Path, tmp_path: Path, form: bytes
) -> None:
    first = content(build_report(compared, tmp_path / "a").parent)
    for name in stored(compared):
        keep(compared.parent / FOLDER / name, form)
    assert content(build_report(compared, tmp_path / "b").parent) == first
    assert content(build_report(compared, tmp_path / "c").parent) == first
    assert not list(tmp_path.rglob("evil*"))


def test_what_is_no_file_does_not_stop_a_report(plan: Path, tmp_path: Path) -> None:
    first = content(build_report(plan, tmp_path / "a").parent)
    folder, pipe, link, *_ = sorted((plan.parent / FOLDER).iterdir())
    for path in (folder, pipe, link):
        path.unlink()
    folder.mkdir()
    os.mkfifo(pipe)  # a read would wait for ever
    link.symlink_to(link.name)
    unused = plan.parent / FOLDER / ("0" * 32)
    unused.mkdir()
    assert content(build_report(plan, tmp_path / "b").parent) == first
    assert pipe.is_file() and link.is_file()  # stored again
    shutil.rmtree(plan.parent / FOLDER)
    (plan.parent / FOLDER).write_text("a file")
    assert content(build_report(plan, tmp_path / "c").parent) == first
    (plan.parent / FOLDER).unlink()


def test_images_that_cannot_be_read_are_said_each_time(plan: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(plan.parents[1], results)
    (results / "fake/shapes/data/val.json").write_text("{")
    there = results / "fake" / "plan.json"
    of_copied_data(there)
    for name in "ab":
        page = build_report(there, tmp_path / name).parent / f"runs/{SWEPT}.html"
        assert "annotations cannot be read" in page.read_text()


def of_copied_data(plan: Path) -> None:
    """Lets the manifest of a copied study name the copied data."""
    manifest = plan.parent / "shapes" / "dataset.json"
    found = json.loads(manifest.read_text())
    for name, split in found["splits"].items():
        split["annotations"] = str(plan.parent / f"shapes/data/{name}.json")
        split["images"] = str(plan.parent / f"shapes/data/{name}")
    manifest.write_text(json.dumps(found))


COMPARED = (
    ("retinanet", "focal", "", 1, "trained"),
    ("retinanet", "ap", "", 1, "trained"),
    ("retinanet", "alrp", "", 1, "trained"),
)
PAGE = "compare/shapes/retinanet.html"
MARK = "<p>from the store</p>"


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plan of three losses, of which only two have curves."""
    monkeypatch.setattr(compare_page, "MOST_CURVES", 2)
    return make_study(tmp_path / "study", runs=COMPARED)


def mark(plan: Path, part: str) -> None:
    """Puts a mark into what is stored: `content` of all pages, or the first chart of `curves`."""
    found = 0
    for path in (plan.parent / FOLDER).iterdir():
        value = json.loads(kept(path))
        if part in value:
            if part == "content":
                value["content"] += MARK
            else:
                value["curves"][0]["svgs"][0] += MARK
            keep(path, json.dumps(value).encode())
            found += 1
    assert found


def page_again(plan: Path, tmp_path: Path) -> str:
    return (build_report(plan, tmp_path / "html").parent / PAGE).read_text(encoding="utf-8")


def test_a_comparison_is_read_from_the_store_until_one_of_its_runs_changes(
    compared: Path, tmp_path: Path
) -> None:
    first = page_again(compared, tmp_path)
    assert len(stored(compared)) == len(COMPARED) + 2  # the page, and its curves
    assert page_again(compared, tmp_path) == first
    mark(compared, "content")
    assert MARK in page_again(compared, tmp_path)
    run = compared.parent / "shapes/retinanet/ap/seed1"
    os.utime(run / "metrics.json", ns=(1, 1))
    assert page_again(compared, tmp_path) == first


def test_curves_stay_while_only_a_loss_without_curves_changes(
    compared: Path, tmp_path: Path
) -> None:
    source = page_again(compared, tmp_path)
    data = json.loads(source.split('id="compare-data">')[1].split("</script>")[0])
    keys = [loss["key"] for loss in data["losses"]]
    drawn = [keys[at] for at in data["drawn"]]
    assert len(drawn) == 2
    mark(compared, "curves")
    assert page_again(compared, tmp_path) == source  # the page is stored as a whole, too
    (without,) = set(keys) - set(drawn)
    os.utime(compared.parent / f"shapes/retinanet/{without}/seed1/run.json", ns=(1, 1))
    assert page_again(compared, tmp_path).count(MARK) == 1
    os.utime(compared.parent / f"shapes/retinanet/{drawn[1]}/seed1/train.parquet", ns=(1, 1))
    assert page_again(compared, tmp_path) == source


def test_a_comparison_is_made_again_after_its_images(compared: Path, tmp_path: Path) -> None:
    """Also if no page of a run shows the image."""
    source = page_again(compared, tmp_path)
    images = sorted((tmp_path / "html" / "images").rglob("*.webp"))
    on_page = [one for one in images if one.name in source]
    of_runs = (build_report(compared, tmp_path / "html").parent / "runs").rglob("*.html")
    runs = "".join(page.read_text(encoding="utf-8") for page in of_runs)
    alone = next(one for one in on_page if one.name not in runs)
    manifest = json.loads((compared.parent / "shapes/dataset.json").read_text())
    split = manifest["splits"]["val"]
    entries = json.loads(Path(split["annotations"]).read_text())["images"]
    name = next(one["file_name"] for one in entries if str(one["id"]) == alone.stem)
    mark(compared, "content")
    os.utime(Path(split["images"]) / name, ns=(1, 1))
    assert page_again(compared, tmp_path) == source


def test_other_files_in_the_folder_stay(plan: Path, tmp_path: Path) -> None:
    build_report(plan, tmp_path / "a")
    other = plan.parent / FOLDER / "thesis.txt"
    other.write_text("mine")
    build_report(plan, tmp_path / "b")
    assert other.read_text() == "mine"
    other.unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
@pytest.mark.parametrize("name", ["matches.parquet", "train.parquet", "detections.json"])
def test_what_cannot_be_read_for_a_moment_is_not_kept(
    plan: Path, tmp_path: Path, name: str
) -> None:
    (plan.parent / SWEPT / SHOWN).unlink(missing_ok=True)
    whole = content(build_report(plan, tmp_path / "a").parent)
    file = plan.parent / SWEPT / name
    mode = file.stat().st_mode
    file.chmod(0)
    assert content(build_report(plan, tmp_path / "b").parent) != whole
    file.chmod(mode)
    assert content(build_report(plan, tmp_path / "c").parent) == whole


def test_a_stamp_tells_whether_a_file_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object, **options: object) -> None:
        raise OSError("the network is away")

    file = tmp_path / "sweep.json"
    file.write_text("{}")
    before = stamp(file)
    assert before is not None
    with monkeypatch.context() as patch:
        patch.setattr("rankdet.files.os.open", gone)
        assert stamp(file) is None
    assert stamp(file) == before


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.json")
    assert stamp(tmp_path / "metrics.json") is None


def test_a_file_replaced_while_the_study_is_read_is_not_stored_as_it_was(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of this report may have the old numbers; the next one must not."""
    file = plan.parent / SWEPT / "metrics.json"
    old = file.read_text()
    record = json.loads(old)
    record["metrics"]["AP"] = 0.123
    read = build.read_study

    def replaced(*arguments: object) -> RecordedStudy:
        study = read(*arguments)
        file.write_text(json.dumps(record))
        return study

    with monkeypatch.context() as patch:
        patch.setattr(build, "read_study", replaced)
        build_report(plan, tmp_path / "a")
    page = build_report(plan, tmp_path / "b").parent / f"runs/{SWEPT}.html"
    assert "12.3" in Page(page).text
    file.write_text(old)
