"""Writes the detections of a detector that was not trained."""

from pathlib import Path

from workflows.study.job import job
from workflows.study.specs import with_data

run = Path(snakemake.output.record).parent

with job(snakemake, "untrained", run):
    from rankdet.training import untrained

    untrained(with_data(snakemake.params.spec), run)
