"""What came of a training or a measurement that may fail: a row with a status."""

import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

Row = dict[str, Any]

MEASURED, NOT_REACHED, FAILED, SKIPPED = "measured", "not reached", "failed", "skipped"


def one_line(error: BaseException) -> str:
    """Returns the type and the first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip() if lines else 'no message'}"


def write_traceback(log: Path, where: str) -> None:
    """Appends the traceback of the current exception to a file; a full disk ends no work."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"--- {where}\n{traceback.format_exc()}\n")
