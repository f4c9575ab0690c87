"""Two studies that a command compares or merges, with the names that messages give them."""

from dataclasses import dataclass
from pathlib import Path

from rankdet.results.recorded_run import RecordedRun
from rankdet.results.records import RecordedStudy, read_study


@dataclass(frozen=True)
class Side:
    """One of two studies.

    Attributes:
        study: The study.
        called: Its name in messages; its folder as the user gave it if both have the same name.
    """

    study: RecordedStudy
    called: str

    @property
    def runs(self) -> tuple[RecordedRun, ...]:
        """Its runs."""
        return self.study.runs


def read_sides(first: Path, second: Path) -> tuple[Side, Side]:
    """Reads two studies.

    Args:
        first: The `plan.json` of a study, as the user gave it.
        second: That of another.

    Raises:
        InputError: If one of them cannot be used.
    """
    studies = read_study(first), read_study(second)
    names = [study.name for study in studies]
    if names[0] == names[1]:
        names = [path.parent.as_posix() for path in (first, second)]
    return Side(studies[0], names[0]), Side(studies[1], names[1])
