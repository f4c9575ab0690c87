"""Writes the detections of a detector that was not trained."""

from pathlib import Path

from rankdet.jobs.context import job
from rankdet.jobs.job_spec import with_data

run = Path(snakemake.output.record).parent

with job(snakemake, "untrained", run):
    from rankdet.training import untrained

    untrained(with_data(snakemake.params.spec), run)
