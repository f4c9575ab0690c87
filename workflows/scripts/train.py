"""Trains one run, or goes on with it."""

from pathlib import Path

from rankdet.jobs.context import job
from rankdet.jobs.job_spec import with_data

run = Path(snakemake.output.record).parent

with job(snakemake, "train", run):
    from rankdet.training import train

    train(with_data(snakemake.params.spec), run)
