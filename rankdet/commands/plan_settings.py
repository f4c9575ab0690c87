"""`rankdet plan --settings TABLE`: the settings of a table's runs and the released ones."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rankdet.errors import InputError
from rankdet.suggest import choice

LEGEND = (
    "\nlisted: differs on purpose, for the reason in brackets (analysis/settings/deviations.yaml); "
    "differs: correct it, or list it there"
)
STYLES = {"equal": "green", "listed": "yellow", "differs": "bold red", "not compared": "dim"}


class Cell(NamedTuple):
    """One run of a table, with the row and the columns that show it."""

    row: str
    columns: tuple[str, ...]
    key: str
    spec: Mapping[str, Any]


def cells(study: Any, table: str) -> list[Cell]:
    """Returns the distinct runs of a table by row; each of the first seed.

    Args:
        study: A study that has the table (`rankdet.study.plan.Study`).
        table: The table's id: `alrp/table2`.

    Raises:
        InputError: If the study does not have the table.
    """
    if study.config.preset != "full":
        raise InputError(
            f"{study.source}: preset is 'small'; --settings compares the preset 'full'"
        )
    specs = {**study.tables, **study.figures}
    if table not in specs:
        raise InputError(f"{study.source}: no table or figure {table!r}; {choice(table, specs)}")
    spec = specs[table]
    found: dict[tuple[str, str], tuple[Mapping[str, Any], list[str]]] = {}
    for row in spec.rows:
        for column in spec.columns or (None,):
            request = row.request(column)
            run = request and study.run_of(request)
            if run:
                names = [column.header, column.published or ""] if column else []
                entry = found.setdefault((row.key, run.key), (study.run_spec(run), []))
                entry[1].extend(names)
    return [Cell(row, tuple(names), key, spec) for (row, key), (spec, names) in found.items()]


def compared(
    study: Any, table: str, known: dict[str, dict[str, str]] | None = None
) -> Iterator[tuple[Cell, list[Any]]]:
    """Yields each run of a table with its settings compared with the released ones.

    Args:
        study: A study that has the table.
        table: The table's id.
        known: Key of a run to its settings. New settings are added, for a call with another table.

    Raises:
        InputError: If the study does not have the table.
    """
    from rankdet.papers.released_settings import compare, deviations, facts_of
    from rankdet.training.built_settings import built_settings
    from rankdet.training.environment import set_up

    chosen, built = cells(study, table), {} if known is None else known
    set_up({"device": "cpu", "threads": 1})
    for cell in chosen:
        if cell.key not in built:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # mmdet warns of its own old names
                built[cell.key] = built_settings(cell.spec)
        facts = facts_of(table, cell.row, cell.columns)
        yield cell, compare(built[cell.key], facts, cell.row, deviations())


def print_settings(study: Any, table: str, console: Any) -> None:
    """Prints the settings of a table's runs: ours, released, the paper's text, the source.

    Raises:
        InputError: If the study does not have the table.
    """
    from rich.markup import escape
    from rich.table import Table

    shown = False
    for cell, results in compared(study, table):
        shown = True
        console.print(f"\n[bold]{table}: {cell.row}[/bold]  {cell.key}", highlight=False)
        if not results:
            console.print("no released settings are known for this row", style="dim")
            continue
        sources = list(dict.fromkeys(one.fact.source for one in results))
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("setting", "ours", "released", "paper", "source"):
            grid.add_column(name, overflow="fold")
        for one in results:
            released = " or ".join(one.fact.released)
            ours = one.ours or "-"
            note = f"{released} ({one.reason})" if one.reason else released
            source = f"[{sources.index(one.fact.source) + 1}]"
            row = (one.fact.setting, ours, note, one.fact.paper, source)
            grid.add_row(*map(escape, row), style=STYLES[one.outcome])
        console.print(grid, highlight=False)
        for number, source in enumerate(sources, start=1):
            console.print(escape(f"[{number}] {source}"), style="dim", highlight=False)
        counts = {name: sum(one.outcome == name for one in results) for name in STYLES}
        words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        console.print(f"{len(results)} settings: {words}", highlight=False)
    if shown:
        console.print(LEGEND, style="dim", highlight=False)
    else:
        console.print(f"{table}: no row of this table is a run of the study", highlight=False)
