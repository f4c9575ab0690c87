"""Trains one run, or continues its training."""

from pathlib import Path

from rankdet.jobs.context import job

run = Path(snakemake.output.record).parent

with job(snakemake, "train", run):
    from rankdet.jobs.detections import train_run

    train_run(snakemake.params.spec, run)
