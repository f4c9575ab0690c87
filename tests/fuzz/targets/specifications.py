"""Specifications of tables and figures in `analysis/`."""

import random
import shutil
from pathlib import Path

import yaml

from rankdet.repository import PAPERS
from tests.fuzz.mutations import broken_yaml
from tests.fuzz.outcome import Try, fault_of


def specs(folder: Path) -> Try:
    from rankdet.papers.load import load_spec

    shutil.copytree(PAPERS, folder / "papers")
    bases = {
        path: yaml.safe_load(path.read_text())
        for path in sorted((folder / "papers").glob("*/*.yaml"))
        if path.name != "paper.yaml"
    }

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(list(bases))
        broken = broken_yaml(rng, bases[path])
        kept = path.read_bytes()
        path.write_bytes(broken.content)
        try:
            what = f"{path.parent.name}/{path.stem}: {broken.what}"
            return what, fault_of(lambda: load_spec(path), broken.never)
        finally:
            path.write_bytes(kept)

    return attempt
