"""Publication figures: size, fonts, letters, and the same values as the page."""

import errno
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS
from rankdet.charts.publication.pages import draw, write_figure_file
from rankdet.charts.publication.styles import STYLES
from rankdet.charts.svg import chart_svg
from rankdet.charts.svg_rows import row_offset
from rankdet.errors import InputError

X = np.array([0.0, 1.0, 2.0])


def curves(*names: str, **changes: object) -> Chart:
    series = tuple(Series(n, X, X + k, X, X + 2 * k) for k, n in enumerate(names, start=1))
    return Chart("a", "t", "$x & y$", "y", series, **changes)


def small_panels() -> Chart:
    dots = (
        Series(n, X, X, dots=True, panel=n, x_shares=np.ones(4) / 4, y_shares=np.ones(4) / 4)
        for n in ("A", "B", "C")
    )
    return Chart("p", "t", "x", "y", tuple(dots), x_limits=(0.0, 2.0), y_limits=(0.0, 2.0))


def of_rows() -> Chart:
    dots = Series("AP", X, X, X - 1, X + 1, dots=True)
    return Chart("r", "t", "x", "", (dots,), rows=("one", "two", "three"))


def heat() -> Chart:
    cells = ((1.0, None), (0.0, -4.0))
    return Chart("h", "t", "", "", (), rows=("one", "two"), columns=("A", "B"), cells=cells)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", ["column", "page"])
def test_a_figure_has_the_width_of_its_style(tmp_path: Path, style: str, width: str) -> None:
    path = tmp_path / "out.png"
    write_figure_file([curves("A", "B"), small_panels(), heat()], path, style, width)
    inches = STYLES[style].width(width)
    assert Image.open(path).width == pytest.approx(300 * inches, abs=1)


@pytest.mark.parametrize("chart", [curves("A", "B"), small_panels(), of_rows(), heat()])
@pytest.mark.filterwarnings("error::UserWarning")
def test_fonts_are_embedded_as_truetype(tmp_path: Path, chart: Chart) -> None:
    path = tmp_path / "out.pdf"
    write_figure_file([chart], path, "ieee", "column")
    content = path.read_bytes()
    assert b"/FontFile2" in content and b"/Type3" not in content
    before = content
    write_figure_file([chart], path, "ieee", "column")
    assert path.read_bytes() == before  # the same figure is the same file


def test_a_figure_shows_the_values_of_the_page() -> None:
    chart = curves("A", "B", log=True, y_limits=(0.5, 9.0), y_format="rate")
    (axes,) = draw([chart], 3.5, narrow=True).subfigs[0].axes
    lines = [line for line in axes.lines if len(line.get_xdata())]
    assert [line.get_color() for line in lines] == list(COLOURS[:2])
    assert [line.get_ydata().tolist() for line in lines] == [[1, 2, 3], [2, 3, 4]]
    assert axes.get_yscale() == "log"
    assert "1/2" in [text.get_text() for text in axes.get_yticklabels()]
    assert len(axes.collections) == 2  # a band for each curve


def test_several_charts_have_letters_and_one_legend() -> None:
    figure = draw([curves("A", "B"), curves("A", "B")], 7.0, narrow=False)
    texts = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    assert texts.count("(a)") == texts.count("(b)") == 1
    assert texts.count("A") == 1
    apart = draw([curves("A", "B"), curves("A", "C")], 7.0, narrow=False)
    assert [text.get_text() for text in apart.findobj(mpl.text.Text)].count("A") == 2
    alone = draw([curves("A", "B")], 7.0, narrow=False)
    assert "(a)" not in [text.get_text() for text in alone.findobj(mpl.text.Text)]


def test_settings_of_the_user_change_nothing(tmp_path: Path) -> None:
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "font.size": 20}):
        write_figure_file([curves("A")], tmp_path / "a.svg")
        assert mpl.rcParams["font.size"] == 20
    write_figure_file([curves("A")], tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_text() == (tmp_path / "b.svg").read_text()


def test_names_are_not_read_as_maths(tmp_path: Path) -> None:
    """Read as maths, this name would be an error."""
    write_figure_file([curves("$\\frac$", "B_{")], tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts of which one lies on another by more than a pixel, and texts that leave the figure."""
    renderer = figure.canvas.get_renderer()
    every = [t for t in figure.findobj(mpl.text.Text) if t.get_visible() and t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in every]
    width, height = figure.get_size_inches() * figure.dpi
    left = [(a, "edge") for a, x in boxes if min(x.x0, x.y0, width - x.x1, height - x.y1) < -1]
    return left + [
        (a, b)
        for (a, x), (b, y) in combinations(boxes, 2)
        if min(x.x1, y.x1) - max(x.x0, y.x0) > 1 and min(x.y1, y.y1) - max(x.y0, y.y0) > 1
    ]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", ["column", "page"])
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("dots_per_inch", [72, 110, 300])
def test_no_text_lies_on_another(style: str, width: str, count: int, dots_per_inch: int) -> None:
    x_label = "learning rate, as a multiple of the study's (logarithmic)"
    charts = [
        replace(curves("A", "B"), x_label=x_label, y_label=f"precision at IoU 0.{k}5")
        for k in range(count)
    ]
    look = STYLES[style]
    settings = {**mpl.rcParamsDefault, **look.settings(), "figure.dpi": dots_per_inch}
    with mpl.rc_context({key: value for key, value in settings.items() if key != "backend"}):
        figure = draw(charts, look.width(width), narrow=width == "column")
        figure.canvas.draw()
        assert overlaps(figure) == []


def test_dots_have_their_intervals_and_are_not_joined() -> None:
    low, high = X, X + 2
    chart = Chart("d", "t", "x", "y", (Series("A", X, X + 1, low, high, dots=True),))
    (axes,) = draw([chart], 3.5, narrow=True).subfigs[0].axes
    (bars,) = axes.collections[:1]
    assert [s.tolist() for s in bars.get_segments()] == [[[v, v], [v, v + 2]] for v in X]
    svg = chart_svg(chart, "t")
    assert svg.count("L") - svg.count("LP") == 3 and 'fill="none"' not in svg


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    path = tmp_path / f"x{ending}"
    with pytest.raises(InputError, match=r"no space left while writing .*free some space"):
        write_figure_file([curves("A", "B")], path)
    assert list(tmp_path.iterdir()) == []


def test_charts_above_each_other_have_equal_edges() -> None:
    panels = [replace(one, panel=one.name) for one in curves("A", "B").series]
    wide = [replace(one, y=one.y * 1e5, low=None, high=None) for one in panels]
    charts = [replace(curves("A"), series=tuple(series)) for series in (panels, wide)]
    figure = draw(charts, 3.5, narrow=True)
    figure.canvas.draw()
    edges = [[on.get_window_extent() for on in part.axes] for part in figure.subfigs]
    for first, second in zip(*edges, strict=True):
        assert first.x0 == pytest.approx(second.x0, abs=1.5)
        assert first.x1 == pytest.approx(second.x1, abs=1.5)


@pytest.mark.parametrize("style", STYLES)
def test_panels_with_distributions_have_one_size(style: str) -> None:
    settings = {**mpl.rcParamsDefault, **STYLES[style].settings()}
    with mpl.rc_context({key: value for key, value in settings.items() if key != "backend"}):
        figure = draw([small_panels()], 7.0, narrow=False)
        figure.canvas.draw()
    main = [on for part in figure.subfigs for on in part.axes if on.axison]
    sizes = [on.get_window_extent().size for on in main]
    assert len(sizes) == 3 and np.ptp(sizes, axis=0) == pytest.approx([0, 0], abs=1)


def test_dots_of_a_row_are_nearer_to_each_other_than_to_the_next_row() -> None:
    series = tuple(replace(of_rows().series[0], name=name) for name in ("A", "B", "C"))
    chart = replace(of_rows(), series=series)
    places = sorted(y + row_offset(chart, one) for one in series for y in one.y)
    steps = np.diff(places)
    assert min(steps[[2, 5]]) > 1.5 * max(np.delete(steps, [2, 5]))
    (axes,) = draw([chart], 3.5, narrow=True).subfigs[0].axes
    svg = chart_svg(chart, "t")
    ticks = re.findall(r'text-anchor="middle">([^<]+)</text>', svg)
    assert [text.get_text() for text in axes.get_xticklabels()] == ticks  # those of the page


def test_the_diagonal_is_named() -> None:
    chart = curves("A", x_limits=(0.0, 2.0), diagonal=True)
    assert chart_svg(chart, "t").count(">precision = score<") == 1
    assert "precision = score" not in chart_svg(curves("A", "B"), "t")
    figure = draw([chart, curves("A")], 7.0, narrow=False)
    texts = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    assert texts.count("precision = score") == 1
