"""What a check found, gathered by kind: each kind is one line with its count and three examples."""

from dataclasses import dataclass, field

SHOWN = 3


@dataclass
class _Kind:
    remedy: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """Errors (the data cannot be used) and warnings (used, in most cases after a repair)."""

    _errors: dict[str, _Kind] = field(default_factory=dict)
    _warnings: dict[str, _Kind] = field(default_factory=dict)

    def error(self, what: str, example: str, remedy: str) -> None:
        """Counts one more of a kind of error; all of a kind share one remedy."""
        _add(self._errors, what, example, remedy)

    def warning(self, what: str, example: str, done: str) -> None:
        """Counts one more of a kind of warning; `done` says what was made of it."""
        _add(self._warnings, what, example, done)

    @property
    def errors(self) -> list[str]:
        """One line a kind, in the order found."""
        return _lines(self._errors)

    @property
    def warnings(self) -> list[str]:
        """One line a kind, in the order found."""
        return _lines(self._warnings)


def _add(kinds: dict[str, _Kind], what: str, example: str, remedy: str) -> None:
    kind = kinds.setdefault(what, _Kind(remedy))
    kind.count += 1
    if len(kind.examples) < SHOWN:
        kind.examples.append(example)


def _lines(kinds: dict[str, _Kind]) -> list[str]:
    lines = []
    for what, kind in kinds.items():
        more = ", ..." if kind.count > SHOWN else ""
        told = " ".join(f"{', '.join(kind.examples)}{more}".split())  # names may hold line breaks
        lines.append(f"{what}: {kind.count} ({told}); {kind.remedy}")
    return lines
