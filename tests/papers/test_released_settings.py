"""Damaged files of released settings are named in one line; nothing is read in part."""

import re

import pytest

from rankdet.errors import InputError
from rankdet.papers.released_settings import COLUMNS, deviations, released_settings

HEADER = ",".join(COLUMNS)
ROW = "table2,AP Loss | aLRP Loss,,gpus,4 / 8,4 GPUs,code,"
ENTRY = "- {tables: x, rows: y, settings: [lr], reason: z}\n"


def test_a_line_is_a_fact_of_each_row(tmp_path):
    (tmp_path / "own.csv").write_text(f"{HEADER}\n{ROW}\n")
    facts = released_settings("own", tmp_path)
    assert [(fact.table, fact.row) for fact in facts] == [
        ("own/table2", "AP Loss"),
        ("own/table2", "aLRP Loss"),
    ]
    assert facts[0].released == ("4", "8")


@pytest.mark.fault("damaged file of released settings or of known deviations")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"own.csv: line 1: no names of columns"),
        (f"{HEADER}\n{ROW}\ntable2,AP".encode(), r"own.csv: line 3: 2 cells, expected 8"),
        (f"{HEADER},more\n{ROW},\n".encode(), r"own.csv: column 'more' is missing or unknown"),
        (b"table\nx\n", r"own.csv: column 'column' is missing or unknown; give the columns table,"),
        (
            f"{HEADER}\n{ROW}é\n".encode("latin-1"),
            r"own.csv: cannot be read: byte \d+ is not UTF-8",
        ),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), r"own.csv: cannot be read: byte 1 is not UTF-8"),
    ],
)
def test_damaged_settings(tmp_path, content, message):
    (tmp_path / "own.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        released_settings("own", tmp_path)


@pytest.mark.fault("damaged file of released settings or of known deviations")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x: 1", "found no list"),
        ("- x", "entry 0 (from 0): give the keys reason, rows, settings, tables"),
        (
            ENTRY + ENTRY.replace("[lr]", "lr"),
            "entry 1 (from 0): `settings` must be a list of texts",
        ),
        (ENTRY.replace("[lr]", "[1]"), "entry 0 (from 0): `settings` must be a list of texts"),
        (ENTRY.replace("z", "[z]"), "the other values texts"),
    ],
)
def test_damaged_deviations(tmp_path, content, message):
    (tmp_path / "deviations.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        deviations(tmp_path)
