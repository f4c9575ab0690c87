"""Commands write nothing into the folder of a study, where every file and folder has a meaning."""

from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import read_record
from rankdet.results.layout import PLAN
from rankdet.results.schemas.plan import Plan


def check_outside_studies(path: Path, what: str = "folder") -> None:
    """Checks that what a command is going to write is not inside a study's folder.

    Args:
        path: The folder or file.
        what: "folder" or "file", for the message.

    Raises:
        InputError: If it is; the message names the study.
    """
    whole = path.resolve()
    for above in (whole, *whole.parents):
        if (above / PLAN).exists() and _is_plan(above / PLAN):
            where = "is" if above == whole else "is inside"
            raise InputError(
                f"{path}: {where} the folder of the study {above.name!r}, where only its results "
                f"belong; name a {what} elsewhere"
            )


def _is_plan(path: Path) -> bool:
    record, problem = read_record(path)
    return bool(problem) or record.get("schema") == Plan.SCHEMA
