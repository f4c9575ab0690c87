"""`rankdet compare`: several runs' metrics in one table, and which differences are real."""

import argparse
import sys
from typing import TYPE_CHECKING

from rankdet.commands.arguments import check_least, check_writable
from rankdet.files import write_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rankdet.evaluation.comparison import Compared
    from rankdet.evaluation.intervals import Difference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="metrics.json", help="first: what to compare to"
    )
    parser.add_argument(
        "--metrics",
        default="AP,AP50,AP75,oLRP,oLRP_Loc,oLRP_FP,oLRP_FN,spearman",
        metavar="AP,AP50,...",
        help="which columns (default: %(default)s)",
    )
    parser.add_argument(
        "--draws", type=int, default=1000, metavar="N", help="bootstrap draws (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    parser.add_argument(
        "--no-significance", action="store_true", help="only the table; needs no matches"
    )
    parser.add_argument("--out", metavar="comparison.json", help="write all numbers")


def run(args: argparse.Namespace) -> int:
    """Prints the table, the differences to the first run, and writes what was asked for."""
    from rich.console import Console

    from rankdet.errors import InputError
    from rankdet.evaluation import comparison

    check_least(args, draws=2, seed=0)
    check_writable(args.out)
    metrics = [m.strip() for m in args.metrics.split(",") if m.strip()]
    runs = comparison.load_runs(args.files)
    for metric in metrics:
        if not any(metric in one.metrics for one in runs):
            known = ", ".join(runs[0].metrics)
            raise InputError(f"no run has a metric {metric!r}; known: {known}")
    found: list[dict[str, Difference] | None] = [None] * (len(runs) - 1)
    # A pipe has no width: none of the numbers may be cut there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    _print_values(console, runs, metrics)
    if not args.no_significance and len(runs) > 1:
        found = comparison.differences(runs, metrics, args.draws, args.seed)
        _print_differences(console, runs, found, args.draws)
    if args.out:
        write_text(args.out, comparison.as_json(runs, found))
    return 0


def _print_values(console: "Console", runs: "list[Compared]", metrics: list[str]) -> None:
    from rich.markup import escape

    from rankdet.evaluation.comparison import best_runs, higher_is_better

    table = _table("run", metrics)
    best = {m: best_runs(runs, m) for m in metrics}
    for i, one in enumerate(runs):
        cells = [_bold(_number(one.metrics.get(m), m), i in best[m]) for m in metrics]
        table.add_row(escape(one.name), *cells)
    console.print(table)
    down = [m for m in metrics if not higher_is_better(m)]
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
            cells = _difference(difference, metric)
            table.add_row(escape(one.name) if i == 0 else "", metric, *cells)
    if table.row_count:
        console.print(table)
        console.print(
            f"from {draws} draws of the images, the same for both runs; "
            "bold with !: the interval leaves 0 out"
        )
    for one, differs in zip(runs[1:], found, strict=True):
        if differs is None:
            lacking = one if one.matches is None else runs[0]
            console.print(
                f"no significance for {escape(one.name)}: no matches beside "
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


def _percent(metric: str) -> bool:
    return metric.startswith(("AP", "AR", "oLRP"))


def _number(value: float | None, metric: str) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if _percent(metric) else f"{value:.3f}"


def _bold(text: str, best: bool) -> str:
    return f"[bold]{text}*[/bold]" if best else text


def _difference(difference: "Difference", metric: str) -> list[str]:
    if difference.value is None:
        return ["–", "–", "–"]
    scale, digits = (100, 1) if _percent(metric) else (1, 3)
    value, *ends = (
        "–" if v is None else f"{scale * v:+.{digits}f}"
        for v in (difference.value, difference.low, difference.high)
    )
    p = "–" if difference.p is None else f"{difference.p:.3f}"
    if difference.significant:
        value = f"[bold]{value}![/bold]"
    return [value, f"{ends[0]} to {ends[1]}", p]
