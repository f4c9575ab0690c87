"""Real data for tests, if it is available. Tests that need it are skipped without it."""

import os
from pathlib import Path

import pytest


def shared_dir() -> Path | None:
    """Returns $RANKDET_SHARED, else `../shared` next to the repository; None if it is missing."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("RANKDET_SHARED", default))
    return folder if folder.is_dir() else None


def require_shared(*parts: str) -> Path:
    """Returns a path in the shared folder, or skips the test and names the missing path."""
    folder = shared_dir()
    if folder is None or not folder.joinpath(*parts).exists():
        pytest.skip(f"real data is missing: {'/'.join(parts)} (set RANKDET_SHARED)")
    return folder.joinpath(*parts)
