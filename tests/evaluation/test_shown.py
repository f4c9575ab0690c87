"""What an evaluation keeps for pages: equal to what the files of detections give, or not used."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from rankdet.evaluation.evaluate import evaluate_files
from rankdet.evaluation.metrics.error_kinds import best_iou_with_others, confusion, error_kinds
from rankdet.evaluation.metrics.matches import read_matches
from rankdet.evaluation.metrics.matching import match
from rankdet.evaluation.metrics.nearest import nearest_objects
from rankdet.evaluation.metrics.operating_point import kept_rows
from rankdet.evaluation.shown import limits_of_classes, read_shown, shown_of
from rankdet.kept import keep, kept
from rankdet.report.sample_detections import chosen_detections
from rankdet.report.sample_files import Split
from tests.evaluation.coco_cases import MANY, cases, loaded, write
from tests.evaluation.test_error_kinds import boxes
from tests.evaluation.test_lvis import random_case


@MANY
@given(case=cases())
def test_it_is_what_the_files_give(case, tmp_path):
    truth, results = case
    own = loaded(tmp_path, truth, results)
    matches = match(*own)
    for limits in ({}, {5: 0.3, 2: 0.5}):
        found = shown_of(*own, matches, nearest_objects(*own, matches), limits)
        read = boxes(matches, truth, results)
        assert (found.kinds == error_kinds(matches, best_iou_with_others(matches, read))).all()
        wanted = confusion(matches, read, kept_rows(matches, limits))
        assert (found.confusion.counts == wanted.counts).all()
        drawn = dict(zip(found.positions.tolist(), found.boxes.tolist(), strict=True))
        for position in drawn_on_pages(truth, matches, limits):
            assert drawn[position] == results[position]["bbox"]


def drawn_on_pages(truth, matches, limits):
    """Positions of the detections that a page draws if it shows all images."""
    images = truth["images"]
    annotations = {
        image["id"]: [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        for image in images
    }
    split = Split(tuple(images), annotations, {}, Path())
    chosen = chosen_detections(matches.detections, split, limits)
    return [row["detection"] for image in chosen.images for row in image.rows]


@pytest.fixture()
def written(tmp_path):
    """A file of an evaluation, its matches and its thresholds."""
    file = tmp_path / "shown.kept"
    truth, results = random_case(1, 3)
    for image in truth["images"]:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    paths = write(tmp_path, truth, results)
    options = {"matches_path": tmp_path / "m.parquet", "shown_path": file}
    limits = limits_of_classes(evaluate_files(*paths, **options)["per_class"])
    return file, read_matches(tmp_path / "m.parquet"), limits


def test_only_what_pages_draw_is_in_it(written):
    file, matches, limits = written
    found = read_shown(file, matches, limits)
    assert 0 < len(found.positions) < len(matches.detections)
    assert len(found.kinds) == len(matches.detections)


@pytest.mark.fault("what an evaluation kept for pages, cut, edited, renamed or of another run")
@pytest.mark.parametrize("fault", ["missing", "cut", "edited", "renamed", "pipe", "folder"])
def test_a_changed_file_counts_as_missing(written, fault):
    file, matches, limits = written
    whole = file.read_bytes()
    if fault == "renamed":
        file = file.rename(file.with_name("other.kept"))
    else:
        file.unlink()
    if fault == "cut":
        file.write_bytes(whole[:-7])
    elif fault == "edited":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif fault == "pipe":
        os.mkfifo(file)
    elif fault == "folder":
        file.mkdir()
    assert read_shown(file, matches, limits) is None


def test_of_other_matches_or_thresholds_it_is_not_used(written):
    file, matches, limits = written
    assert read_shown(file, matches, limits) is not None
    assert read_shown(file, matches, {**limits, 1: 2.0}) is None
    assert read_shown(file, matches, {}) is None
    some = matches.image_ids[1:]
    assert read_shown(file, matches.of_images(some), limits) is None
    matches.detections.loc[0, "score"] = 0.123
    assert read_shown(file, matches, limits) is None


@pytest.mark.fault("what an evaluation kept for pages, cut, edited, renamed or of another run")
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kinds", lambda old: old[1:]),
        ("kinds", lambda old: old + np.uint8(7)),
        ("confusion", lambda old: old.astype(float)),
        ("confusion", lambda old: old[1:]),
        ("positions", lambda old: old[::-1]),
        ("boxes", lambda old: old[:, :3]),
        ("boxes", lambda old: old * np.nan),
        ("boxes", lambda old: None),
        ("of", lambda old: np.array([object()])),
    ],
)
def test_arrays_of_another_form_are_not_used(written, name, changed):
    file, matches, limits = written
    with np.load(io.BytesIO(kept(file))) as content:
        arrays = dict(content)
    arrays[name] = changed(arrays[name])
    content = io.BytesIO()
    np.savez(content, **{key: value for key, value in arrays.items() if value is not None})
    keep(file, content.getvalue())
    assert read_shown(file, matches, limits) is None
