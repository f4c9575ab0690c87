"""Which file of a report a request may read, and whether a request may read anything."""

import ipaddress
import mimetypes
import stat
from pathlib import Path
from urllib.parse import unquote

MOST_PATH = 2000  # characters


def allowed_host(header: str | None, own: str) -> bool:
    """Returns whether a request names this server as one that only its user can name.

    A page of another site can make its own name point to 127.0.0.1 (DNS rebinding), and would then
    read the report. Its requests carry that name. An address, `localhost` and the name that the
    user chose cannot be taken so. The port is free: it differs behind `ssh -L`.

    Args:
        header: The header `Host`; None if the request has none.
        own: What the user gave as `--host`.
    """
    name = _without_port(header or "").lower()
    if name in {"localhost", own.lower()}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0] if header.count(":") == 1 else header


def find_file(root: Path, path: str) -> Path | None:
    """Returns the file of a report that a path names; None if there is none that may be read.

    Only regular files below the folder are found: no hidden ones, none above it, and none that is a
    link, or below a link, to another place.

    Args:
        root: The folder of the report.
        path: The path of the request below the report, still with its `%` codes.
    """
    parts = unquote(path).split("/")
    if parts[-1] == "":
        parts[-1] = "index.html"
    name = "".join(parts)
    if len(path) > MOST_PATH or "\0" in name or "\\" in name:
        return None
    if any(part == "" or part.startswith(".") for part in parts):
        return None
    found, whole = root.joinpath(*parts), root.resolve()
    try:
        if found.resolve(strict=True) != whole.joinpath(*parts):
            return None
        return found if stat.S_ISREG(found.lstat().st_mode) else None
    except (OSError, RuntimeError, ValueError):  # not there, a loop of links, or not encodable
        return None


def content_type(path: Path) -> str:
    """Returns the type of a file for the browser."""
    found = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found
