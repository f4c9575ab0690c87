"""Files of finished runs: records, and checkpoints."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdet.repository import PAPERS
from rankdet.results.layout import LEADERBOARD
from tests.fuzz.mutations import Broken, broken_bytes, broken_data, broken_json
from tests.fuzz.outcome import Try, fault_of


def records(folder: Path) -> Try:
    """Records of a finished study, as the leaderboard and the tables of papers read them."""
    from rankdet.papers.load import load_spec
    from rankdet.papers.table import make_table
    from rankdet.results.leaderboard import leaderboard
    from rankdet.results.records import read_study

    plan = small_study(folder)
    spec = load_spec(PAPERS / "alrp/table3.yaml")

    def read() -> None:
        study = read_study(plan)
        leaderboard(study)
        make_table(study, spec)

    return _one_record(plan, read)


def reports(folder: Path) -> Try:
    """The same records, and the files beside them, given to `rankdet report`."""
    from rankdet.report import build_report

    plan = small_study(folder)
    return _one_record(plan, lambda: build_report(plan, folder / "html"))


def report_records(folder: Path) -> Try:
    """What a report shows without computing it: tables, figures, the leaderboard, failures."""
    from rankdet.papers.figures import build_figure
    from rankdet.papers.table import build_table
    from rankdet.report import build_report
    from rankdet.results.leaderboard import build_leaderboard

    plan = small_study(folder)
    content = json.loads(plan.read_text())
    made: list[tuple[str, str, Callable[..., None]]] = [
        ("tables", "alrp/table3", build_table),
        ("figures", "alrp/figure4", build_figure),
    ]
    for kind, name, _ in made:
        content[kind] = [{"id": name, "spec": f"analysis/papers/{name}.yaml"}]
    content["runs"] = content["runs"][:2]
    plan.write_text(json.dumps(content))
    for kind, name, build in made:
        build(plan, PAPERS / f"{name}.yaml", plan.parent / kind / name)
    build_leaderboard(plan, plan.parent / LEADERBOARD)
    files = [plan.parent / LEADERBOARD, *plan.parent.glob("[tf]*/*/*/*.json")]
    assert len(files) == 3
    return _one_file(files, lambda: build_report(plan, folder / "html"))


def small_study(folder: Path) -> Path:
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
    return _one_file(files, read)


def _one_file(files: list[Path], read: Callable[[], Any]) -> Try:
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
