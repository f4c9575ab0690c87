"""The published values are compared with the texts of the papers, if these are available.

The texts were extracted from PDFs. The test looks for a row's numbers in their order on one line,
side by side. Tables with another layout are named here.
"""

import re
from functools import lru_cache

import pytest

from rankdet.papers.published import read_published
from rankdet.repository import PAPERS
from tests.shared_data import require_shared

TEXTS = {
    "alrp": ("001_45f2f24a370fbe7a.txt", "002_5f1fa02141538abd.txt"),
    "alrp-rebuttal": ("000_4eef59f6e866cc60.txt",),
    "rs": ("003_2241aa38c73d92d5.txt",),
    "ape": ("004_268751593c2270bc.txt",),
}
FILES = sorted(path for paper in TEXTS for path in (PAPERS / paper).glob("*.csv"))
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
MERGED_CELL = {"alrp/tableA10": "aLRP"}  # one printed cell for several rows
BESIDE_NAMES = {"ape/table9", "rs/tableS7"}  # with other numbers in between (ResNet-50, 1:7)
TRANSPOSED = {"rs/figureS1"}  # the paper's rows are our columns


@lru_cache
def lines(paper: str) -> list[list[float]]:
    """The numbers of every line of a paper's text."""
    found = []
    for name in TEXTS[paper]:
        text = require_shared("papers", name).read_text(encoding="utf-8")
        for marked in text.replace("−", " -").splitlines():
            line = re.sub(r"<[^>]+>", "", marked)
            plain = re.sub(r"[\\{},]|\bs\b", " ", line.replace("1:", " ").replace("1/", " "))
            plain = re.sub(r"10 ?\$?\^ ?(-\d)", r"1e\1", plain)
            plain = re.sub(r"(\d)(s|sec)\b", r"\1 \2", plain)
            found.append([float(n) for n in NUMBER.findall(plain)])
    return found


def side_by_side(values: list[float], line: list[float]) -> bool:
    return any(line[i : i + len(values)] == values for i in range(len(line) - len(values) + 1))


def in_order(values: list[float], line: list[float]) -> bool:
    rest = iter(line)
    return all(value in rest for value in values)


def test_what_counts_as_found() -> None:
    assert side_by_side([2.0, 3.0], [1.0, 2.0, 3.0]) and not side_by_side([1.0, 3.0], [1, 2, 3])
    assert in_order([1.0, 3.0], [1.0, 2.0, 3.0]) and not in_order([3.0, 1.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_row_is_in_the_paper(path) -> None:
    name = f"{path.parent.name}/{path.stem}"
    table = read_published(path)
    if name in TRANSPOSED:
        columns = next(iter(table.values()))
        table = {c: {r: row[c] for r, row in table.items()} for c in columns if c != "RS Loss"}
    for key, row in table.items():
        values = [v for c, v in row.items() if v is not None and c != MERGED_CELL.get(name)]
        found = in_order if name in BESIDE_NAMES else side_by_side
        assert not values or any(found(values, line) for line in lines(path.parent.name)), key
