from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from rankdet.commands import report as command
from rankdet.errors import InputError
from rankdet.report.formatting import count, duration, end, number
from rankdet.report.label_placement import place_labels
from rankdet.report.paths import compare_page
from rankdet.report.sample_files import choose
from rankdet.report.sample_images import Detection, Sample
from rankdet.repository import ROOT
from rankdet.results import find
from rankdet.results.layout import slug
from rankdet.results.records import read_study
from tests.report.fake_study import make_study


def test_numbers_print_as_in_the_papers() -> None:
    assert number(None) == "–"
    assert number(38.94) == "38.9"
    assert number(-0.04, 1, sign=True) == "0.0"
    assert number(-3.26, 1, sign=True) == "−3.3"
    assert number(3.26, 1, sign=True) == "+3.3"
    assert number(0.484, 2) == "0.48"


def test_two_detectors_never_share_a_comparison(tmp_path: Path) -> None:
    """The losses of retinanet@r101 are not compared with those of a detector retinanet-r101."""
    run, *_ = read_study(make_study(tmp_path)).runs
    models = [("retinanet", ""), ("retinanet", "r101"), ("retinanet-r101", "")]
    pages = [
        compare_page(replace(run, planned=run.planned.model_copy(update=one)))
        for one in ({"detector": name, "backbone": backbone} for name, backbone in models)
    ]
    assert len(set(pages)) == 3 and pages[0] == "compare/shapes/retinanet.html"


def test_the_end_of_an_interval_shows_its_side() -> None:
    assert (end(0.04), end(-0.0012), end(3.44), end(-0.06)) == ("+0.04", "−0.001", "+3.4", "−0.1")
    assert (end(0.0), end(None), end(0.004, 2, sign=False)) == ("0.0", "–", "0.004")
    assert end(1e-9) == "0.000000"  # below the digits of a record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (4.25, "4.2 s"), (48.2, "48 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts() -> None:
    assert count(None) == "–" and count(1234567) == "1\u202f234\u202f567"


def test_slugs_are_safe_and_differ() -> None:
    assert slug("alrp+no-sb") == "alrp+no-sb"
    hostile = slug("<img src=x onerror=alert(1)>")
    assert hostile.isascii() and not set(hostile) & set("<>/\\ &?#%\"'")
    assert slug("a/b") != slug("a-b") != slug("a?b")
    assert slug("../..") not in ("..", "../..") and slug("") != ""


def test_sample_images_are_spread_over_the_numbers_of_objects() -> None:
    images = [{"id": i} for i in range(40)]
    objects = {i: [None] * (i // 2) for i in range(40)}
    chosen = choose(images, objects, 6)
    assert chosen == choose(images[::-1], objects, 6)
    counts = [len(objects[i["id"]]) for i in chosen]
    assert counts == sorted(counts) and counts[0] <= 3 and counts[-1] >= 16
    assert 0 not in counts
    assert choose(images[:3], {}, 6) == images[:3]


def test_tags_stay_in_the_image() -> None:
    boxes = [(-3.0, 0.0, 20.0, 20.0), (100.0, 60.0, 25.0, 20.0)]
    found = tuple(
        Detection(n, box, "a very long class name", 0.9, 0.8, 0.8, "hit")
        for n, box in enumerate(boxes, start=1)
    )
    tags = Sample(1, "a.png", "a", 128, 128, (), found, 0).tags[::-1]
    assert tags[0].x == 0 and tags[0].y >= 4 and tags[0].anchor == "start"
    assert tags[1].anchor == "end" and tags[1].x == 125
    assert tags[0].text == "✓ a very long… .90 · .80"
    crowded = Sample(1, "a.png", "a", 128, 128, (), found * 3, 0).tags
    assert {tag.text for tag in crowded} == {"✓1", "✓2"}


def test_tags_cover_no_other_tag_where_there_is_room() -> None:
    box = (40.0, 50.0, 50.0, 30.0)
    tags = place_labels([(f"label {n}", box, "hit", n) for n in range(4)], 128, 128, 5.0)
    areas = [tag.area(5.0) for tag in tags]
    for n, (left, top, right, bottom) in enumerate(areas):
        assert left >= 0 and right <= 128 and top >= 0 and bottom <= 128
        for other in areas[:n]:
            assert bottom <= other[1] or top >= other[3] or right <= other[0] or left >= other[2]
    assert tags[0].y == 48.8  # the first, most certain one stands above its box
    fifth = place_labels([(f"label {n}", box, "hit", n) for n in range(5)], 128, 128, 5.0)[-1]
    assert fifth.y == 48.8  # no place is free any more
    foot = place_labels([("label", (0.0, 126.0, 20.0, 2.0), "hit", 1)], 128, 128, 5.0)[0]
    assert foot.area(5.0)[3] <= 128


def test_the_command_finds_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    plan = make_study(tmp_path)
    results = tmp_path / "results"
    for name in ("fake", str(plan), str(plan.parent)):
        assert find.find_plan(name, results) == plan
    with pytest.raises(InputError, match="did you mean 'fake'"):
        find.find_plan("fkae", results)
    with pytest.raises(InputError, match="run `make smoke` first"):
        find.find_plan("fake", tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)  # no clone: there is no `make smoke`
    with pytest.raises(InputError, match=r"name the folder of its results, .* or run it first"):
        find.find_plan("fake", tmp_path / "nothing")
    Path("study.yaml").write_text("study: own")
    with pytest.raises(InputError, match=r"run study.yaml first: `snakemake --cores all`"):
        find.find_plan("fake", tmp_path / "nothing")
    parser = ArgumentParser()
    command.add_arguments(parser)
    out = tmp_path / "html"
    assert command.run(parser.parse_args([str(plan), "--out", str(out)])) == 0
    assert capsys.readouterr().out == f"{out / 'index.html'}\n"
    assert (out / "index.html").exists()
