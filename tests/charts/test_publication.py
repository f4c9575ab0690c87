"""Publication figures: size, fonts, letters, and the same values as the page."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from rankdet.charts.chart import Chart, Series
from rankdet.charts.colours import COLOURS
from rankdet.charts.publication.pages import draw, write_figure_file
from rankdet.charts.publication.styles import STYLES

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
