"""What is given broken input: each target writes valid files once, breaks one, and reads it."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rankdet.repository import BACKBONES, CONFIG, DETECTORS, LOSSES, PAPERS
from rankdet.results.layout import MATCHES, METRICS
from tests.evaluation.bad_input import RESULTS, TRUTH
from tests.fuzz.mutations import (
    NEVER,
    VALUES,
    Broken,
    broken_bytes,
    broken_csv,
    broken_data,
    broken_json,
    broken_yaml,
)
from tests.fuzz.outcome import fault_of, fault_of_command

Try = Callable[[random.Random], tuple[str, str | None]]  # to what was broken, and the fault


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


def annotations(folder: Path) -> Try:
    truth, results = folder / "gt.json", folder / "dt.json"
    results.write_text(json.dumps(RESULTS))

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        broken = broken_json(rng, TRUTH)
        truth.write_bytes(broken.content)
        return broken.what, fault_of_command(["evaluate", str(truth), str(results)])

    return attempt


def detections(folder: Path) -> Try:
    truth, results = folder / "gt.json", folder / "dt.json"
    truth.write_text(json.dumps(TRUTH))

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        broken = broken_json(rng, RESULTS)
        results.write_bytes(broken.content)
        return broken.what, fault_of_command(["evaluate", str(truth), str(results)])

    return attempt


def cards(folder: Path) -> Try:
    from rankdet.study.cards import find_card, load_loss

    bases = {}
    for path in sorted(LOSSES.glob("[!_]*.py")):
        found: dict[str, Any] = {}
        exec(f"card = {_text(find_card(path))}", found)
        bases[path] = found["card"]

    def read(name: str) -> None:
        file = load_loss(name, folder)
        for variant in file.card.get("variants", {}):
            file.title(variant)
            json.dumps(file.variant(variant), allow_nan=False).encode()

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(list(bases))
        text = path.read_text()
        if rng.random() < 0.2:
            broken = broken_bytes(rng, text.encode())
        else:
            changed, what, never = broken_data(rng, bases[path])
            code = f"CARD = {changed!a}\n{text.replace('CARD = ', 'OTHER = ')}"
            broken = Broken(code.encode(), what, never)
        for old in folder.glob("*.py"):
            old.unlink()
        (folder / path.name).write_bytes(broken.content)
        return f"{path.stem}: {broken.what}", fault_of(lambda: read(path.stem), broken.never)

    return attempt


def _text(node: Any) -> str:
    import ast

    return ast.unparse(node)


def detectors(folder: Path) -> Try:
    from rankdet.study.detectors import load_detector

    bases = {path.stem: yaml.safe_load(path.read_text()) for path in DETECTORS.glob("*.yaml")}

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        name = rng.choice(sorted(bases))
        broken = _broken_model(rng, bases[name]) or broken_yaml(rng, bases[name])
        for old in folder.glob("*.yaml"):
            old.unlink()
        (folder / f"{name}.yaml").write_bytes(broken.content)
        call = lambda: load_detector(name, rng.choice(("small", "full")), folder)  # noqa: E731
        return f"{name}: {broken.what}", fault_of(call, broken.never)

    return attempt


def _broken_model(rng: random.Random, data: Any) -> Broken | None:
    """Sometimes a key of mmdet's model with a typo, which mmdet refuses hours later."""
    presets = [data.get(key) or {} for key in ("small", "full")]
    parts = [p[k] for p in presets for k in ("backbone", "neck") if p.get(k)]
    if rng.random() > 0.2 or not parts:
        return None
    text = yaml.safe_dump(data, sort_keys=False)
    key = rng.choice([key for key in rng.choice(parts) if key != "type"])
    typo = f"{key[:-1]}:" if rng.random() < 0.5 else f"{key}x:"
    return Broken(text.replace(f"{key}:", typo).encode(), f"{key} written {typo}", True)


def backbones(folder: Path) -> Try:
    from rankdet.study.backbones import backbone_names, load_backbone

    base = yaml.safe_load(BACKBONES.read_text())
    path = folder / "backbones.yaml"

    def read(names: list[str]) -> None:
        backbone_names(path)
        for name in names:
            load_backbone(name, "full", path)

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        chosen = dict(rng.sample(sorted(base.items()), 3))
        broken = broken_yaml(rng, chosen)
        path.write_bytes(broken.content)
        return broken.what, fault_of(lambda: read(list(chosen)), broken.never)

    return attempt


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


def published_values(folder: Path) -> Try:
    from rankdet.papers.load import load_spec

    shutil.copytree(PAPERS, folder / "papers")
    paths = sorted((folder / "papers").glob("*/*.csv"))
    paths = [path for path in paths if path.with_suffix(".yaml").exists()]

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(paths)
        kept = path.read_text()
        broken = broken_csv(rng, kept)
        path.write_bytes(broken.content)
        try:
            what = f"{path.parent.name}/{path.name}: {broken.what}"
            return what, fault_of(lambda: load_spec(path.with_suffix(".yaml")), broken.never)
        finally:
            path.write_text(kept)

    return attempt


def compared(folder: Path) -> Try:
    """Records and matches that `rankdet compare` reads."""
    truth, results = folder / "gt.json", folder / "dt.json"
    truth.write_text(json.dumps(TRUTH))
    results.write_text(json.dumps(RESULTS))
    for name in ("a", "b"):
        run = folder / name
        run.mkdir()
        outputs = ["--out", str(run / METRICS), "--matches", str(run / MATCHES)]
        if fault := fault_of_command(["evaluate", str(truth), str(results), *outputs]):
            raise RuntimeError(fault)
    files = [folder / "b" / METRICS, folder / "b" / MATCHES]
    kept = [file.read_bytes() for file in files]
    argv = ["compare", str(folder / "a" / METRICS), str(files[0]), "--draws", "20"]

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        if rng.random() < 0.5:
            broken = broken_json(rng, json.loads(kept[0]))
            files[0].write_bytes(broken.content)
        elif rng.random() < 0.5:
            broken = broken_bytes(rng, kept[1])
            files[1].write_bytes(broken.content)
        else:
            broken = _broken_matches(rng, files[1])
        fault = fault_of_command(argv, broken.never)
        for file, content in zip(files, kept, strict=True):
            file.write_bytes(content)
        return broken.what, fault

    return attempt


def _broken_matches(rng: random.Random, path: Path) -> Broken:
    """Writes matches with another column or broken metadata, as a whole Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    meta = dict(table.schema.metadata or {})
    if rng.random() < 0.5:
        broken = broken_json(rng, json.loads(meta[b"rankdet"]))
        table, what = (
            table.replace_schema_metadata({**meta, b"rankdet": broken.content}),
            broken.what,
        )
    else:
        name = rng.choice(table.column_names)
        at = table.column_names.index(name)
        kind = rng.choice(("drop", "text", "null", "nan", "huge", "negative", "twice"))
        what = f"column {name}: {kind}"
        values: dict[str, Any] = {"text": "x", "null": None, "nan": float("nan")}
        values |= {"huge": 2**62, "negative": -1}
        if kind == "drop":
            table = table.remove_column(at)
        elif kind == "twice":
            table = pa.concat_tables([table, table])
        else:
            column = pa.array([values[kind]] * len(table))
            table = table.set_column(at, name, column)
    pq.write_table(table, path)
    return Broken(b"", what)


def records(folder: Path) -> Try:
    """Records of a finished study, as the leaderboard and the tables of papers read them."""
    from rankdet.papers.load import load_spec
    from rankdet.papers.table import make_table
    from rankdet.results.leaderboard import leaderboard
    from rankdet.results.records import read_study

    plan = _small_study(folder)
    spec = load_spec(PAPERS / "alrp/table3.yaml")

    def read() -> None:
        study = read_study(plan)
        leaderboard(study)
        make_table(study, spec)

    return _one_record(plan, read)


def reports(folder: Path) -> Try:
    """The same records, and the files beside them, given to `rankdet report`."""
    from rankdet.report import build_report

    plan = _small_study(folder)
    return _one_record(plan, lambda: build_report(plan, folder / "html"))


def _small_study(folder: Path) -> Path:
    from tests.report.fake_study import make_study

    plan = make_study(folder)
    content = json.loads(plan.read_text())
    content |= {"runs": content["runs"][:3], "tables": content["tables"][1:2], "figures": []}
    plan.write_text(json.dumps(content))
    return plan


def _one_record(plan: Path, read: Callable[[], Any]) -> Try:
    runs = [plan.parent / run["key"] for run in json.loads(plan.read_text())["runs"]]
    files = [plan, plan.parent / "shapes/dataset.json"]
    files += [path for run in runs for path in sorted(run.glob("*")) if path.is_file()]

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        path = rng.choice(files)
        kept = path.read_bytes()
        if path.suffix == ".json":
            broken = broken_json(rng, json.loads(kept))
        else:
            broken = broken_bytes(rng, kept)
        path.write_bytes(broken.content)
        try:
            return f"{path.name}: {broken.what}", fault_of(read)
        finally:
            path.write_bytes(kept)

    return attempt


def checkpoints(folder: Path) -> Try:
    """Given checkpoints: PyTorch files with weights."""
    import torch

    from rankdet.training.checkpoint_file import read_checkpoint

    path = folder / "theirs.pth"
    base = {"state_dict": {"a.weight": torch.arange(6.0)}, "meta": {"classes": ["a", "b"]}}
    torch.save(base, path)
    kept = path.read_bytes()

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        if rng.random() < 0.6:
            broken = broken_bytes(rng, kept)
            path.write_bytes(broken.content)
        else:
            plain = {"state_dict": {"a.weight": 0, "b": [1]}, "meta": {"classes": ["a", "b"]}}
            changed, what, _ = broken_data(rng, plain)
            torch.save(changed, path)
            broken = Broken(b"", what)
        return broken.what, fault_of(lambda: read_checkpoint(path))

    return attempt


TARGETS: dict[str, Callable[[Path], Try]] = {
    make.__name__: make
    for make in (
        studies,
        config_values,
        annotations,
        detections,
        cards,
        detectors,
        backbones,
        specs,
        published_values,
        compared,
        records,
        reports,
        checkpoints,
    )
}
