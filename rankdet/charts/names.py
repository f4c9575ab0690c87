"""Long names in charts: written in several lines instead of being cut."""

import textwrap


def name_lines(name: str, letters: int, most: int = 2) -> list[str]:
    """Breaks a name into lines.

    Args:
        name: the name.
        letters: letters of a line, 2 or more.
        most: number of lines, 1 or more.

    Returns:
        At least one line. A name that needs more lines ends with `…`.
    """
    found = textwrap.wrap(name, letters) or [""]
    if len(found) > most:
        rest = " ".join(found[most - 1 :])
        found = [*found[: most - 1], rest[: letters - 1] + "…"]
    return found
