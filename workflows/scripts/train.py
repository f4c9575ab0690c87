"""Trains one run, or continues its training."""

from pathlib import Path

from rankdet.jobs.context import job, leave
from rankdet.jobs.watch import watched

run = Path(snakemake.output.record).parent

watched(snakemake, "train", run)
with job(snakemake, "train", run) as this:
    from rankdet.jobs.detections import train_run

    train_run(snakemake.params.spec, run, this.print)

leave()
