"""Pages that were made before, because most runs do not change between two reports.

A page, or a part of one, is stored in `<study>/pages/`. Its name is a hash of all that it shows
(`rankdet.report.page_keys`), so a stored page is never out of date.
"""

import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rankdet.files import atomic

FOLDER = "pages"
KEY = re.compile(r"[0-9a-f]{32}")  # other files in the folder are not ours


class PageStore:
    """The stored pages of a study.

    Args:
        study: the folder of the study; without the right to write there, nothing is stored.
    """

    def __init__(self, study: Path) -> None:
        self._folder = study / FOLDER
        self._used: set[str] = set()

    def read(self, key: str) -> dict[str, Any] | None:
        """Returns what was stored under a key; None if there is nothing that can be read."""
        self._used.add(key)
        try:
            found = json.loads(zlib.decompress((self._folder / key).read_bytes()))
        except (OSError, ValueError, zlib.error):
            return None
        return found if isinstance(found, dict) else None

    def write(self, key: str, value: Mapping[str, Any]) -> None:
        """Stores JSON-serialisable values."""
        self._used.add(key)
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            with atomic(self._folder / key) as temporary:
                temporary.write_bytes(zlib.compress(json.dumps(value).encode(), 1))

    def keep(self, key: str) -> None:
        """Keeps what is stored under a key, if anything is, although nothing reads it now."""
        self._used.add(key)

    def forget_others(self) -> None:
        """Deletes what was neither read, written nor kept: pages of an older state."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                if KEY.fullmatch(path.name) and path.name not in self._used:
                    path.unlink()
