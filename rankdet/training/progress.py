"""Lines about a training on the terminal of the workflow."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO


def _terminal() -> Any:
    """Returns a console on the terminal of the workflow, or on standard error.

    The workflow sets `RANKDET_TERMINAL`, a file descriptor; other output of a job goes to its log.
    """
    from rich.console import Console

    stream: TextIO
    try:
        stream = os.fdopen(os.dup(int(os.environ["RANKDET_TERMINAL"])), "w", errors="replace")
    except (KeyError, OSError, ValueError):
        stream = sys.stderr
    return Console(file=stream, highlight=False, soft_wrap=True)


def _name(run_dir: Path) -> str:
    return Path(*run_dir.parts[-4:]).as_posix()  # dataset, detector, loss, seed


def progress_reporter(run_dir: Path) -> Callable[[int, int, float, float], None]:
    """Returns a callback that prints a line of progress on the terminal.

    Args:
        run_dir: The run's folder.
    """
    console, name = _terminal(), _name(run_dir)

    def report(done: int, total: int, pace: float, value: float) -> None:
        left = pace * (total - done)
        filled = round(10 * done / total)
        bar = f"[green]{'━' * filled}[/green][dim]{'━' * (10 - filled)}[/dim]"
        eta = f"{int(left // 60)}:{int(left % 60):02d} left" if done < total else "done"
        console.print(
            f"{bar} {name}  {done}/{total}  loss {value:.3f}  {pace:.2f} s/iteration  {eta}"
        )

    return report


def note_printer(run_dir: Path) -> Callable[[str], None]:
    """Returns a function that prints a note about a run on the terminal."""
    console = _terminal()
    return lambda line: console.print(f"note: {_name(run_dir)}: {line}", markup=False)
