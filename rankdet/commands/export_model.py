"""`rankdet export-model`: a trained run as a config and a checkpoint for mmdet itself."""

import argparse
from pathlib import Path
from typing import Any

from rankdet.errors import InputError

PARTS = 4  # of the key of a run: dataset, detector, loss, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the run, the folder and the study's config."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets config.py and model.pth"
    )
    parser.add_argument(
        "--configfile", type=Path, metavar="FILE", help="default: the study's config here"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the folder and says how to test it."""
    from rankdet.training.stock_export import export_model

    spec = _spec(args.run, args.configfile)
    count = export_model(spec, args.run, args.out)
    print(f"{args.out}: config.py, model.pth; the same detections as the run on {count} images")
    print(f"in a clone of mmdet: python tools/test.py {args.out}/config.py {args.out}/model.pth")
    return 0


def _spec(folder: Path, config: Path | None) -> dict[str, Any]:
    from rankdet.results.layout import DATASET, RUN
    from rankdet.results.schemas.run import RunRecord
    from rankdet.results.status import DIVERGED
    from rankdet.results.study_config import config_named
    from rankdet.study.plan import load_study

    if not (folder / RUN).is_file():
        raise InputError(
            f"{folder}: no {RUN} there; name the folder of a trained run, "
            "results/<study>/<dataset>/<detector>/<loss>/seed<n>"
        )
    record = RunRecord.from_disk(folder / RUN)
    if record.status == DIVERGED or record.training is None:
        raise InputError(f"{folder}: {record.status}: there are no trained weights to export")
    found = config or config_named(record.run.study or "")
    if found is None:
        raise InputError(f"no config of the study {record.run.study!r} here; give --configfile")
    study = load_study([found], with_data=False)
    whole = folder.resolve()
    key = "/".join(whole.parts[-PARTS:])
    planned = next((one for one in study.runs if one.key == key), None)
    if planned is None:
        raise InputError(f"{found}: has no run {key!r}; give the config that made it")
    was = record.provenance.config_hash if record.provenance else None
    if was and was != planned.hashes["config"]:
        raise InputError(f"{folder}: older than {found}: its settings changed; run it again")
    return {**study.run_spec(planned), "manifest": str(whole.parents[2] / DATASET)}
