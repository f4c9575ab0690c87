"""Trains one run, or goes on with it."""

from pathlib import Path

from workflows.study.job import job
from workflows.study.specs import with_data

run = Path(snakemake.output.record).parent

with job(snakemake, "train", run):
    from rankdet.training import train

    train(with_data(snakemake.params.spec), run)
