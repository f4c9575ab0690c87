"""`rankdet compare`: metrics of several runs, and which differences are significant."""

import argparse
import sys
from typing import TYPE_CHECKING

from rankdet.commands.arguments import check_draws, check_least, check_writable
from rankdet.errors import InputError
from rankdet.evaluation import registry
from rankdet.evaluation.metric import COMPARE, LOWER, Metric
from rankdet.evaluation.units import digits_that_show, in_digits
from rankdet.files import write_text
from rankdet.suggest import nearest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rankdet.evaluation.comparison import Compared
    from rankdet.evaluation.intervals import Difference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="metrics.json",
        help="files of two or more runs; all are compared with the first",
    )
    parser.add_argument(
        "--metrics",
        metavar="AP,AP50,...",
        help="metrics to compare (default: those of the report's comparison pages)",
    )
    parser.add_argument(
        "--draws", type=int, default=1000, metavar="N", help="bootstrap draws (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    parser.add_argument(
        "--no-significance",
        action="store_true",
        help="print only the table, which needs no matches",
    )
    parser.add_argument("--out", metavar="comparison.json", help="write all numbers")


def run(args: argparse.Namespace) -> int:
    """Writes the chosen file, and prints the table and the differences to the first run."""
    from rich.console import Console

    from rankdet.evaluation import comparison

    check_least(args, draws=2, seed=0)
    check_draws(args, "draws")
    check_writable(args.out, reads=comparison.read_files(args.files))
    runs = comparison.load_runs(args.files)
    metrics = _metrics(args.metrics, runs)
    found: list[dict[str, Difference] | None] = [None] * (len(runs) - 1)
    significance = not args.no_significance and len(runs) > 1
    if significance:
        found = comparison.differences(runs, metrics, args.draws, args.seed)
    if args.out:
        write_text(args.out, comparison.as_json(runs, found))
    # A pipe has no width: use one that is wide enough for all numbers.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    _print_values(console, runs, metrics)
    if significance:
        _print_differences(console, runs, found, args.draws)
    return 0


def _print_values(console: "Console", runs: "list[Compared]", metrics: list[str]) -> None:
    from rich.markup import escape

    from rankdet.evaluation.comparison import best_runs

    entries = {m: registry.describe(m) for m in metrics}
    table = _table("run", [entries[m].header for m in metrics])
    best = {m: best_runs(runs, m) for m in metrics}
    for i, one in enumerate(runs):
        cells = [_bold(entries[m].text(one.metrics.get(m)), i in best[m]) for m in metrics]
        table.add_row(escape(one.name), *cells)
    console.print(table)
    down = [entry.header for entry in entries.values() if entry.better == LOWER]
    if down:
        console.print(f"best in bold with *; lower is better for {', '.join(down)}")
    else:
        console.print("best in bold with *")


def _print_differences(
    console: "Console",
    runs: "list[Compared]",
    found: "list[dict[str, Difference] | None]",
    draws: int,
) -> None:
    from rich.markup import escape

    columns = ["metric", "difference", "95 % interval", "p"]
    table = _table(f"minus {escape(runs[0].name)}", columns)
    for one, differs in zip(runs[1:], found, strict=True):
        for i, (metric, difference) in enumerate((differs or {}).items()):
            entry = registry.describe(metric)
            name = escape(one.name) if i == 0 else ""
            table.add_row(name, entry.header, *_difference(difference, entry))
    if table.row_count:
        console.print(table)
        console.print(
            f"from {draws} draws of the images, the same for both runs; "
            "bold with !: significant on these images (the interval does not contain 0); "
            "another seed of the training can change it"
        )
    for one, differs in zip(runs[1:], found, strict=True):
        if differs is None:
            lacking = one if one.matches is None else runs[0]
            console.print(
                f"no significance for {escape(one.name)}: no matches in the folder of "
                f"{escape(str(lacking.path))} (rankdet evaluate --matches writes them)"
            )


def _table(head: str, columns: list[str]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column(head, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _metrics(chosen: str | None, runs: "list[Compared]") -> list[str]:
    """Returns the keys of the metrics to compare: the chosen ones, or those that any run has."""
    if chosen is None:
        usual = (metric.key for metric in registry.shown_in(COMPARE))
        return [key for key in usual if any(key in one.metrics for one in runs)]
    keys = [key.strip() for key in chosen.split(",") if key.strip()]
    known = list(dict.fromkeys(key for one in runs for key in one.metrics))
    for key in keys:
        if key not in known:
            raise InputError(f"no run has a metric {key!r}; {nearest(key, known)}")
    return keys


def _bold(text: str, best: bool) -> str:
    return f"[bold]{text}*[/bold]" if best else text


def _p_value(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _difference(difference: "Difference", metric: Metric) -> list[str]:
    if difference.value is None:
        return ["–", "–", "–"]
    scaled = difference.scaled(metric.scale)
    value = in_digits(difference.value * metric.scale, metric.decimals, sign=True)
    ends = [
        "–" if v is None else in_digits(v, digits_that_show(v, metric.decimals), sign=True)
        for v in (scaled.low, scaled.high)
    ]
    p = "–" if difference.p is None else _p_value(difference.p)
    if difference.significant:
        value = f"[bold]{value}![/bold]"
    return [value, f"{ends[0]} to {ends[1]}", p]
