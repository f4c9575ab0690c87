"""Study files, and values of `--config`."""

import json
import random
from pathlib import Path

import yaml

from rankdet.repository import CONFIG
from tests.fuzz.mutations import NEVER, VALUES, broken_yaml
from tests.fuzz.outcome import Try, fault_of_command


def studies(folder: Path) -> Try:
    bases = [yaml.safe_load((CONFIG / f"{name}.yaml").read_text()) for name in ("smoke", "coco")]
    for base in bases:
        base["tables"] = base.get("tables", [])[:1]  # few runs, so that a plan takes no second
        base["figures"] = []
        base.pop("runs_of_tables", None)
        base.setdefault("runs", [{"dataset": "coco", "detectors": ["retinanet"], "losses": ["ap"]}])
    path = folder / "study.yaml"

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        broken = broken_yaml(rng, rng.choice(bases))
        path.write_bytes(broken.content)
        return broken.what, fault_of_command(["plan", "--configfile", str(path)], broken.never)

    return attempt


def config_values(folder: Path) -> Try:
    keys = [
        "study",
        "title",
        "scale",
        "preset",
        "data_root",
        "datasets",
        "runs",
        "schedule",
        "test",
    ]
    keys += ["splits", "untrained", "tables", "figures", "cost", "device", "threads", "max_gpus"]
    texts = ["", "[", "{a: 1, a: 2}", "2026-01-02", "!!binary x", "&a [*a]", "[b]", "'", "1:30"]
    texts += [
        "\ud800",
        "é",
        "\x1b[31m",
        "[" * 3000,
        "9" * 5000,
        "null",
        "~",
        "{x: 1}",
        "---",
        "a\nb",
    ]

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        key = rng.choice([*keys, "", "x", "title.x", "[b]", "é", "runs[0]", "a b"])
        value = rng.choice(texts)
        if rng.random() < 0.5:
            value = json.dumps(rng.choice(VALUES + NEVER))
        pair = rng.choice((f"{key}={value}",) * 9 + (f"{key}{value}",))
        return repr(pair)[:80], fault_of_command(["plan", "--config", pair])

    return attempt
