"""One import at a time changes a study: two would lose a row of each other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rankdet.files import writing
from rankdet.training.lock import WriterLock

LOCK = ".import.lock"  # in the study's folder, while an import changes it
PATIENCE = 3600.0  # seconds; an import of COCO's validation images takes about one minute


@contextmanager
def alone(study: Path, say: Callable[[str], None], patience: float = PATIENCE) -> Iterator[None]:
    """Holds a study; waits for another import that changes it.

    Args:
        study: The study's folder.
        say: Called with a line if it has to wait.
        patience: Seconds to wait.

    Raises:
        InputError: If another import still changes it, or the folder cannot be written.
    """
    lock = WriterLock(study / LOCK)
    with writing(study):
        lock.acquire(say, patience)
    try:
        yield
    finally:
        lock.path.unlink(missing_ok=True)
        lock.release()
