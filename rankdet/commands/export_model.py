"""`rankdet export-model`: a trained run as a config and a checkpoint for mmdet itself."""

import argparse
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.whole_folders import check_replaceable

PARTS = 4  # of the key of a run: dataset, detector, loss, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the run, the folder and the study's config."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a trained run")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets config.py and model.pth"
    )
    parser.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help="default: the config of the study, in this folder or in config/",
    )


def run(args: argparse.Namespace) -> int:
    """Writes the folder and says how to test it."""
    from rankdet.results.outside import check_outside_studies
    from rankdet.training.stock_export import export_model

    check_outside_studies(args.out)
    check_replaceable(args.out)  # before anything is read, as a model needs time
    spec = _spec(args.run, args.configfile)
    count = export_model(spec, args.run, args.out)
    print(f"{args.out}: config.py, model.pth; the same detections as the run on {count} images")
    print(f"in a clone of mmdet: python tools/test.py {args.out}/config.py {args.out}/model.pth")
    return 0


def _spec(folder: Path, config: Path | None) -> dict[str, Any]:
    from rankdet.results.layout import DATASET, RUN
    from rankdet.results.schemas.run import RunRecord
    from rankdet.results.status import DIVERGED
    from rankdet.results.study_config import configs_named

    if not (folder / RUN).is_file():
        raise InputError(
            f"{folder}: no {RUN} there; name the folder of a trained run, "
            "results/<study>/<dataset>/<detector>/<loss>/seed<n>"
        )
    record = RunRecord.from_disk(folder / RUN)
    if record.status == DIVERGED or record.training is None:
        raise InputError(f"{folder}: {record.status}: there are no trained weights to export")
    found = [config] if config else configs_named(record.run.study or "")
    if not found:
        raise InputError(f"no config of the study {record.run.study!r} here; give --configfile")
    problems = []
    for one in found:
        try:
            spec = _spec_of(folder, record, one)
        except InputError as error:
            problems.append(str(error))
            continue
        return {**spec, "manifest": str(folder.resolve().parents[2] / DATASET)}
    more = f" (and {len(found) - 1} more of its name do not fit)" if len(found) > 1 else ""
    raise InputError(f"{problems[0]}{more}")


def _spec_of(folder: Path, record: Any, config: Path) -> dict[str, Any]:
    """The spec of a run in a config.

    Raises:
        InputError: If the config does not have this run, with these settings.
    """
    from rankdet.study.load import load_study

    study = load_study([config], with_data=False)
    key = "/".join(folder.resolve().parts[-PARTS:])
    planned = next((one for one in study.runs if one.key == key), None)
    if planned is None:
        raise InputError(
            f"{config}: has no run {key!r}; give the config that made it with --configfile"
        )
    was = record.provenance.config_hash if record.provenance else None
    if was and was != planned.hashes["config"]:
        raise InputError(
            f"{folder}: older than {config}: its settings changed; run it again, or give the "
            "config that made it with --configfile"
        )
    return study.run_spec(planned)
