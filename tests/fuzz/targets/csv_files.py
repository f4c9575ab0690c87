"""CSV files: published values, released settings, archives to download, and leaderboards."""

import csv
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdet.repository import PAPERS, SETTINGS
from tests.fuzz.mutations import broken_csv
from tests.fuzz.outcome import Try, fault_of


def published_values(folder: Path) -> Try:
    from rankdet.papers.load import load_spec

    shutil.copytree(PAPERS, folder / "papers")
    paths = sorted((folder / "papers").glob("*/*.csv"))
    paths = [path for path in paths if path.with_suffix(".yaml").exists()]
    return _one_of(paths, lambda path: load_spec(path.with_suffix(".yaml")), ["row"])


def released_settings(folder: Path) -> Try:
    """All columns are texts: numbers in them are compared as they are written."""
    from rankdet.papers.released_settings import released_settings as read

    paths = []
    for source in sorted(SETTINGS.glob("*.csv")):
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
        paths.append(folder / source.name)
        paths[-1].write_text("".join(lines[:30]), encoding="utf-8")
    texts = next(csv.reader([paths[0].read_text().splitlines()[0]]))
    return _one_of(paths, lambda path: read.__wrapped__(path.stem, folder), texts)


def archive_lists(folder: Path) -> Try:
    from rankdet.datasets.download import TABLE, archives

    path = folder / "datasets.csv"
    shutil.copy(TABLE, path)
    texts = ["dataset", "name", "url", "checksum", "into", "licence"]
    return _one_of([path], lambda path: archives("coco", table=path), texts)


def leaderboards(folder: Path) -> Try:
    from rankdet.results.leaderboard import IDENTITY, build_leaderboard, read_leaderboard
    from tests.fuzz.targets.results import small_study

    path = folder / "leaderboard.csv"
    build_leaderboard(small_study(folder), path)
    return _one_of([path], read_leaderboard, [name for name in IDENTITY if name != "seed"])


def _one_of(paths: list[Path], read: Callable[[Path], Any], texts: list[str]) -> Try:
    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(paths)
        kept = path.read_bytes()
        broken = broken_csv(rng, kept.decode(), texts)
        path.write_bytes(broken.content)
        try:
            what = f"{path.parent.name}/{path.name}: {broken.what}"
            return what, fault_of(lambda: read(path), broken.never)
        finally:
            path.write_bytes(kept)

    return attempt
