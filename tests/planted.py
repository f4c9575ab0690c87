"""What another user can put where this user is going to write."""

import os
from pathlib import Path


def planted(path: Path, kind: str, target: Path) -> None:
    """Puts a pipe, a link to `target`, a file or a folder at a path."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(target)
    elif kind == "file":
        path.write_text("planted")
    else:
        path.mkdir(mode=0o777)
        path.chmod(0o777)
