"""Problems of a dataset, grouped by kind. Each kind has a count and three examples."""

from dataclasses import dataclass, field

SHOWN = 3


@dataclass
class _Kind:
    remedy: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class Problems:
    """Errors (the data cannot be used) and warnings (most of them name a repair)."""

    _errors: dict[str, _Kind] = field(default_factory=dict)
    _warnings: dict[str, _Kind] = field(default_factory=dict)

    def error(self, what: str, example: str, remedy: str) -> None:
        """Counts an error of a kind. All errors of a kind have the same remedy."""
        _add(self._errors, what, example, remedy)

    def warning(self, what: str, example: str, repair: str) -> None:
        """Counts a warning of a kind. All warnings of a kind have the same repair."""
        _add(self._warnings, what, example, repair)

    @property
    def errors(self) -> list[str]:
        """One line per kind, in the order of their first occurrence."""
        return _lines(self._errors)

    @property
    def warnings(self) -> list[str]:
        """One line per kind, in the order of their first occurrence."""
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
        examples = " ".join(f"{', '.join(kind.examples)}{more}".split())  # without line breaks
        lines.append(f"{what}: {kind.count} ({examples}); {kind.remedy}")
    return lines
