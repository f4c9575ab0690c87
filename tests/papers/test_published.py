import pytest

from rankdet.papers.load import load_papers, load_spec, read_published
from rankdet.repository import PAPERS, ROOT

PUBLISHED = sorted((PAPERS).rglob("*.csv"))
SPECS = sorted((PAPERS).glob("*/*.yaml"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_published_files_are_whole(path) -> None:
    values = read_published(path)
    assert values
    notes = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "Where:" in notes and "What it claims" in notes
    illegible = any(v is None for row in values.values() for v in row.values())
    assert not illegible or "empty" in notes.lower(), "an empty cell needs a note"


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_specs_fit_their_published_values(path) -> None:
    spec = load_spec(path)
    assert spec.id == f"{path.parent.name}/{path.stem}"
    assert spec.kind in ("table", "figure")
    assert spec.paper in load_papers()
    assert not spec.published or [row.key for row in spec.rows] == list(spec.published)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_columns_print_all_published_digits(path) -> None:
    """Differences are of the values as printed: rounding must not touch the published one."""
    spec = load_spec(path)
    for column in (column for column in spec.columns if column.published):
        for row in spec.published.values():
            value = row[column.published]
            assert value is None or value == round(value, column.decimals), (column, value)


def test_table2_as_printed() -> None:
    values = read_published(ROOT / "analysis/papers/alrp/table2.csv")
    assert list(values) == [
        "AP Loss",
        "aLRP Loss (w IoU)",
        "aLRP Loss (w IoU) + SB",
        "aLRP Loss (w GIoU) + SB",
        "aLRP Loss (w GIoU) + SB + ATSS",
    ]
    # The text states these differences: +1.8 AP by SB, +8.4 in AP90 against AP Loss, +1.3 by ATSS.
    ap = [row["AP"] for row in values.values()]
    assert ap[2] - ap[1] == pytest.approx(1.8) and ap[4] - ap[3] == pytest.approx(1.3)
    assert values["aLRP Loss (w IoU) + SB"]["AP90"] - values["AP Loss"]["AP90"] == pytest.approx(
        8.4
    )
