"""Hashes of our own code, kept from one start of a command to the next.

To read 500 files as syntax trees takes more than a second; to read their bytes takes 10 ms. So a
hash is kept under the checksum of all files that may count, and an edit of any of them makes it
again (docs/decisions/063-kept-hashes.md). Hashes of the user's files are never kept.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from rankdet.kept import keep, kept

MOST = 16  # files; each belongs to one state of the code


class CodeHashes:
    """Texts that depend on some files alone, by name; on the disk in `$XDG_CACHE_HOME/rankdet`.

    A folder that cannot be written or read, or a damaged file, only costs time.

    Args:
        files: Finds the files.
        root: The folder from which their names start.
    """

    def __init__(self, files: Callable[[], Iterable[Path]], root: Path) -> None:
        self._files, self._root = files, root
        self._file = self._of_this_code()
        self._texts = self._read()

    def _of_this_code(self) -> Path:
        # Python's version: `ast.unparse` may write the same statement differently.
        content = hashlib.sha256(f"python {sys.version_info[:2]}".encode())
        for path in sorted(set(self._files())):
            name, data = path.relative_to(self._root).as_posix(), _bytes(path)
            content.update(f"\n{name} {len(data)}\n".encode() + data)
        return _folder() / content.hexdigest()[:32]

    def get(self, name: str, make: Callable[[], str]) -> str:
        """Returns a text; makes and keeps it if it is not there.

        Args:
            name: Which text of these files.
            make: Makes it. What it raises is passed on, and nothing is kept.
        """
        if name not in self._texts:
            made = make()
            self._texts = {**self._texts, name: made}
            # Files that were edited meanwhile: nobody knows of which state this text is.
            if self._of_this_code() == self._file:
                self._write({**self._read(), name: made})
        return self._texts[name]

    def _read(self) -> dict[str, str]:
        content = kept(self._file)
        return dict(json.loads(content)) if content else {}

    def _write(self, texts: dict[str, str]) -> None:
        with contextlib.suppress(OSError):
            keep(self._file, json.dumps(texts).encode())
            files = [one for one in self._file.parent.iterdir() if one.name[0] != "."]
            for old in sorted(files, key=lambda one: one.stat().st_mtime)[:-MOST]:
                old.unlink(missing_ok=True)


def _bytes(path: Path) -> bytes:
    """A file's content; nothing for one that cannot be read, such as the lock of an editor."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _folder() -> Path:
    home = os.environ.get("HOME") or "/"
    return Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache") / "rankdet" / "code"
