"""The settings of the papers' released code for each row, compared with the settings of our runs.

The facts are in `analysis/settings/<paper>.csv`: one line for a setting of one or more rows of a
table. Known deviations are in `analysis/settings/deviations.yaml`, each with its reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from rankdet import errors
from rankdet.errors import InputError
from rankdet.files import read_csv, read_yaml, shown
from rankdet.repository import SETTINGS

EVERY_ROW = "*"
SEPARATOR = " | "  # between the rows of one line
OR = " / "  # between values, if several released files could have produced the row
EQUAL, LISTED, DIFFERS, UNKNOWN = "equal", "listed", "differs", "not compared"
COLUMNS = ("table", "rows", "column", "setting", "released", "paper", "source", "note")
NEEDED = {"tables", "rows", "settings", "reason"}


@dataclass(frozen=True)
class Fact:
    """One setting of a row of a published table, as released.

    Attributes:
        table: The table's id: `alrp/table2`.
        row: Key of the row; `*` for every row of the table.
        column: The column that the value belongs to; empty if all columns share it.
        setting: Name of the setting.
        released: The released values; several if more than one file could have produced the row.
            Empty if only the paper gives the setting.
        paper: The statement of the paper, with its place in the paper.
        source: Repository, file and commit of the value.
        note: How paper and release differ, or how the released file was found.
    """

    table: str
    row: str
    column: str
    setting: str
    released: tuple[str, ...]
    paper: str
    source: str
    note: str


@dataclass(frozen=True)
class Deviation:
    """A known difference between our runs and the released ones.

    Attributes:
        tables: Id of a table, or a pattern such as `ape/*`.
        rows: Key of a row, or a pattern.
        settings: Names of settings.
        reason: Why our runs differ.
        released: The released value that the deviation is about; empty for every value.
    """

    tables: str
    rows: str
    settings: tuple[str, ...]
    reason: str
    released: str = ""

    def covers(self, fact: Fact, row: str) -> bool:
        """Returns whether the deviation is about a fact of a row."""
        place = fnmatchcase(fact.table, self.tables) and fnmatchcase(row, self.rows)
        value = not self.released or self.released in fact.released
        return place and value and fact.setting in self.settings


@dataclass(frozen=True)
class Comparison:
    """One setting of a row: our value, the released value and the text of the paper.

    Attributes:
        fact: The released value.
        ours: The value of our run; None if it is not read from the run.
        outcome: `equal`, `listed` (a known deviation), `differs` or `not compared`.
        reason: Why a known deviation deviates; else empty.
    """

    fact: Fact
    ours: str | None
    outcome: str
    reason: str = ""


@lru_cache
def released_settings(paper: str, folder: Path = SETTINGS) -> tuple[Fact, ...]:
    """Reads the facts about a paper's tables; empty for a paper without a file.

    Raises:
        InputError: If the file cannot be read, or has other columns.
    """
    path = folder / f"{paper}.csv"
    if not path.exists():
        return ()
    header, records = read_csv(path)
    if wrong := set(COLUMNS) ^ set(header):
        raise InputError(
            f"{shown(path)}: column {min(wrong)!r:.60} is missing or unknown; give the columns "
            f"{', '.join(COLUMNS)}"
        )
    return tuple(fact for _, record in records for fact in _facts(paper, record))


def _facts(paper: str, record: Mapping[str, str]) -> Iterable[Fact]:
    for row in record["rows"].split(SEPARATOR):
        yield Fact(
            table=f"{paper}/{record['table']}",
            row=row,
            column=record["column"],
            setting=record["setting"],
            released=tuple(filter(None, record["released"].split(OR))),
            paper=record["paper"],
            source=record["source"],
            note=record["note"],
        )


def facts_of(table: str, row: str, columns: Sequence[str] = ()) -> list[Fact]:
    """Returns the facts about one cell.

    Args:
        table: The table's id: `rs/tableS10`.
        row: Key of the row.
        columns: Names of the cell's column: its header and its published name.
    """
    facts = released_settings(table.partition("/")[0])
    return [
        fact
        for fact in facts
        if fact.table == table
        and fact.row in (EVERY_ROW, row)
        and (not fact.column or _is_column(fact.column, columns))
    ]


def _is_column(name: str, columns: Sequence[str]) -> bool:
    """A table may have several columns of one model, such as `RS` for `RS AP` and `RS AP50`."""
    return any(column == name or column.split(" ")[0] == name for column in columns)


@lru_cache
def deviations(folder: Path = SETTINGS) -> tuple[Deviation, ...]:
    """Reads the list of known deviations.

    Raises:
        InputError: If an entry lacks a key, or a value is not a text or a list of texts.
    """
    path = folder / "deviations.yaml"
    entries = read_yaml(path) or []
    if not isinstance(entries, list):
        raise InputError(f"{shown(path)}: found no list; write `- tables: ...` for each entry")
    found = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or set(entry) - {"released"} != NEEDED:
            keys = ", ".join(sorted(NEEDED))
            raise InputError(
                f"{shown(path)}: {errors.entry(index)}: give the keys {keys}, and `released` if "
                "only one value is meant"
            )
        settings, texts = entry["settings"], [entry[key] for key in entry if key != "settings"]
        if not isinstance(settings, list) or not all(isinstance(t, str) for t in settings + texts):
            raise InputError(
                f"{shown(path)}: {errors.entry(index)}: `settings` must be a list of texts, and "
                "the other values texts"
            )
        found.append(Deviation(**{**entry, "settings": tuple(settings)}))
    return tuple(found)


def compare(
    ours: Mapping[str, str], facts: Iterable[Fact], row: str, known: Iterable[Deviation]
) -> list[Comparison]:
    """Compares a run's settings with the released ones, without facts that only a paper gives.

    Args:
        ours: Setting to value, as `rankdet.training.built_settings` gives it.
        facts: The facts about the run's cell.
        row: Key of its row.
        known: The list of deviations.
    """
    known = tuple(known)
    return [_compared(ours.get(f.setting), f, row, known) for f in facts if f.released]


def _compared(value: str | None, fact: Fact, row: str, known: Sequence[Deviation]) -> Comparison:
    if value in fact.released:
        return Comparison(fact, value, EQUAL)
    reason = next((d.reason for d in known if d.covers(fact, row)), "")
    if reason:
        return Comparison(fact, value, LISTED, reason)
    return Comparison(fact, value, UNKNOWN if value is None else DIFFERS)
