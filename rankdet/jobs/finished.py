"""Keeps a finished training for a group of jobs that starts again.

On a cluster the training of a run, its detections and its evaluation are one job. If that job ends
after the training, Snakemake starts all of it again and removes its outputs first. So the training
leaves hard links to them in `finished/`, and the next attempt takes these.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rankdet.files import read_record, sha256, write_record
from rankdet.results.layout import METRICS, MODEL, RUN, TRAINING, epoch_folder

FINISHED = "finished"
NOTE = "made-of.json"
ON_A_CLUSTER = "SLURM_JOB_ID"


def keep_finished(spec: Mapping[str, Any], run: Path) -> None:
    """Keeps the outputs of a training that has ended, in a job of a cluster; else does nothing.

    Args:
        spec: The run's spec, with the checksum of its data.
        run: The run's folder.
    """
    if not os.environ.get(ON_A_CLUSTER):
        return
    kept = run / FINISHED
    shutil.rmtree(kept, ignore_errors=True)
    try:
        for name in _outputs(spec):
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(run / name, kept / name)
        files = {name: sha256(kept / name) for name in _outputs(spec)}
        write_record(kept / NOTE, {"made_of": _made_of(spec), "files": files})
    except OSError as error:  # no hard links there: a later attempt trains again
        print(f"the finished training is not kept for another attempt: {error}")
        shutil.rmtree(kept, ignore_errors=True)


def take_finished(spec: Mapping[str, Any], run: Path) -> bool:
    """Puts the outputs of a finished training back in their place.

    Args:
        spec: As for `keep_finished`.
        run: The run's folder.

    Returns:
        Whether they were kept, whole, and made of the same data, settings, code and versions.
    """
    kept = run / FINISHED
    note, problem = read_record(kept / NOTE)
    if problem or note.get("made_of") != _made_of(spec):
        return False
    try:
        if any(sha256(kept / name) != note["files"].get(name) for name in _outputs(spec)):
            return False
        for name in _outputs(spec):
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                (run / name).unlink()
            os.link(kept / name, run / name)
    except OSError:
        return False
    print("the training had finished in an earlier attempt: its outputs are taken from there")
    return True


def forget_finished(runs: Iterable[Path]) -> None:
    """Removes what was kept of runs that have their metrics; call it at the end of a workflow."""
    for run in runs:
        if (run / METRICS).exists():
            shutil.rmtree(run / FINISHED, ignore_errors=True)


def _outputs(spec: Mapping[str, Any]) -> list[str]:
    epochs = [epoch_folder(name) for name in spec.get("keep_epochs", [])]
    return [
        MODEL,
        TRAINING,
        RUN,
        *(f"{folder}/{name}" for folder in epochs for name in (MODEL, RUN)),
    ]


def _made_of(spec: Mapping[str, Any]) -> str:
    from rankdet.training.provenance import versions

    text = json.dumps([spec, versions()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
