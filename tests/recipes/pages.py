"""The code of a page in docs/recipes, which the tests run as it is printed."""

import re

from rankdet.repository import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """Returns the Python blocks of a page."""
    found = BLOCK.findall((ROOT / "docs" / "recipes" / page).read_text(encoding="utf-8"))
    assert found, page
    return found


def run(page: str, kept: slice = slice(None)) -> dict:
    """Runs the blocks of a page one after the other; returns their names."""
    names: dict = {}
    for block in blocks(page)[kept]:
        exec(compile(block, page, "exec"), names)
    return names
