"""The drawing of shapes: outlines, masks, PNG files, and the number of objects per image."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask

from rankdet.datasets.options import shapes_options
from rankdet.datasets.shapes import annotate, contours, png, scene
from rankdet.datasets.shapes.bits import Bits, even_units
from rankdet.datasets.shapes.outlines import FULL, SHAPES, coverage


def test_outlines_have_the_right_areas():
    """Areas agree with geometry, so outlines are neither swapped nor scaled wrongly."""
    share = {}
    for name, shape in SHAPES.items():
        cover = coverage(shape, 64, 1.0, Bits(0))
        share[name] = cover.sum() / FULL / 64**2
    assert share["circle"] == pytest.approx(np.pi / 4, abs=0.01)
    assert share["square"] == pytest.approx(1, abs=0.01)
    assert share["triangle"] == pytest.approx(0.45, abs=0.01)
    assert share["diamond"] == pytest.approx(0.3, abs=0.01)
    assert share["ring"] == pytest.approx(np.pi / 4 * (1 - 0.55**2), abs=0.01)
    assert share["cross"] == pytest.approx((4 * 0.34 * 2 - 4 * 0.34**2) / 4, abs=0.01)
    assert share["pentagon"] == pytest.approx(5 / 2 * np.sin(2 * np.pi / 5) / 4, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_polygons_and_run_lengths_are_the_mask(mask):
    height, width = mask.shape
    runs = coco_mask.frPyObjects(contours.run_lengths(mask), height, width)
    assert (coco_mask.decode(runs) == mask).all()
    polygons = contours.polygons(mask)
    assert bool(polygons) == mask.any()
    if polygons:
        assert all(len(p) >= 8 and len(p) % 2 == 0 for p in polygons)
        merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        assert (coco_mask.decode(merged) == mask).all()


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 200), st.integers(1, 200), st.just(3))))
def test_png_gives_the_pixels_back(pixels):
    with Image.open(io.BytesIO(png.encode(pixels))) as image:
        image.load()  # checks the checksums too
        assert (np.asarray(image) == pixels).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    index=st.integers(0, 10**6),
    size=st.integers(32, 96),
    classes=st.integers(1, len(SHAPES)),
    limit=st.integers(1, 80),
)
def test_properties_of_every_image(seed, index, size, classes, limit):
    config = shapes_options(
        "a", {"seed": seed, "image_size": size, "classes": classes, "max_objects": limit}
    )
    drawn = scene.make(config, 0, index)
    assert drawn.pixels.shape == (size, size, 3)
    assert drawn.pixels.min() >= 0 and drawn.pixels.max() <= 255
    objects = [a for a in annotate(drawn) if not a["iscrowd"]]
    wanted = scene.objects_wanted(config, even_units(seed, 0, index)[0])
    assert len(objects) <= wanted <= limit
    assert len(objects) >= min(wanted, 1)
    for annotation in objects:
        x, y, width, height = annotation["bbox"]
        assert 0 <= x < x + width <= size and 0 <= y < y + height <= size
        assert 1 <= annotation["category_id"] <= classes
        assert 0 < annotation["area"] <= width * height


def test_objects_stay_mostly_visible():
    config = shapes_options("a", {})
    for index in range(20):
        drawn = scene.make(config, 0, index)
        for k, sprite in enumerate(drawn.sprites):
            assert (drawn.owner == k).sum() >= int(scene.SEEN * sprite.mask.sum())


def test_shares_are_kept_in_few_images():
    config = shapes_options("a", {"empty_fraction": 0.1, "density": [[0.5, 4]], "max_objects": 9})
    for seed in range(20):
        counts = [scene.objects_wanted(config, even_units(seed, 0, i)[0]) for i in range(50)]
        assert 4 <= counts.count(0) <= 6
        assert 20 <= sum(1 <= n <= 4 for n in counts) <= 25
        assert set(counts) == set(range(10))


def test_random_numbers_cover_their_range_evenly():
    bits = Bits(3, 1)
    drawn = [bits.integer(-2, 3) for _ in range(6000)]
    assert np.bincount(np.array(drawn) + 2).min() > 900
    noise = bits.noise((50, 40), 4)
    assert noise.shape == (50, 40) and set(np.unique(noise)) == set(range(-4, 5))
    units = [bits.unit() for _ in range(4000)]
    assert min(units) >= 0 and max(units) < 1 and abs(np.mean(units) - 0.5) < 0.02
