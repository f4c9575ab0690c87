"""The palette stays apart for readers who see fewer colours, and heat maps stay legible."""

from itertools import combinations

import numpy as np
import pytest

from rankdet.charts.colours import COLOURS, DASHES, GREYS, SHAPES, heat_colour, text_colour

APART = 23  # smallest distance of two colours in CIELAB, as rankdet/charts/colours.py says
# Matrices for linear RGB at full severity: Machado, Oliveira and Fernandes,
# "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 2009.
SEEN_BY = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    t = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def smallest_distance(colours: tuple[str, ...], seen_by: str) -> float:
    seen = [lab(np.array(SEEN_BY[seen_by]) @ linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("seen_by", SEEN_BY)
def test_colours_differ(seen_by: str) -> None:
    assert smallest_distance(COLOURS, seen_by) >= APART


def test_the_simulation_finds_the_colours_that_protanopes_confused() -> None:
    """Series 2 and 6, and 1 and 4, of the first palette."""
    assert smallest_distance(("#d2601a", "#8a7a1f"), "protanopia") < 10
    assert smallest_distance(("#2f7ed8", "#a463c9"), "protanopia") < 10
    assert smallest_distance(("#2f7ed8", "#a463c9"), "all cones") > 30


def test_lab_of_known_colours() -> None:
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.1)


def test_colours_have_a_contrast_of_three_on_both_kinds_of_pages() -> None:
    papers = [float(np.dot(TO_XYZ[1], linear(one))) for one in ("#ffffff", "#14171c")]
    for shade in (*COLOURS, *GREYS):
        seen = float(np.dot(TO_XYZ[1], linear(shade)))
        for paper in papers:
            assert (max(seen, paper) + 0.05) / (min(seen, paper) + 0.05) >= 3, shade


def test_neighbours_differ_without_colour() -> None:
    assert len(set(DASHES)) == len(DASHES) == len(set(SHAPES)) == 5


def test_heat_colours_are_symmetric_and_their_text_is_legible() -> None:
    assert heat_colour(0, 5) == heat_colour(3, 0)
    assert heat_colour(9, 5) == heat_colour(5, 5) != heat_colour(-5, 5)
    for value in np.linspace(-5, 5, 21):
        back = heat_colour(value, 5)
        light, dark = sorted(
            float(np.dot(TO_XYZ[1], linear(c))) for c in (back, text_colour(back))
        )[::-1]
        assert (light + 0.05) / (dark + 0.05) >= 4.5
