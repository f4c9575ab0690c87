"""Where real data for checks lies, if anywhere; the tests that need it skip without it."""

import os
from pathlib import Path

import pytest


def shared_dir() -> Path | None:
    """The folder named by $RANKDET_SHARED, else `../shared` beside the repository, else None."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("RANKDET_SHARED", default))
    return folder if folder.is_dir() else None


def require_shared(*parts: str) -> Path:
    """Returns a path below the shared folder, or skips the test and says what was missing."""
    folder = shared_dir()
    if folder is None or not folder.joinpath(*parts).exists():
        pytest.skip(f"real data not at hand: {'/'.join(parts)} (set RANKDET_SHARED)")
    return folder.joinpath(*parts)
