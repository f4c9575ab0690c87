"""Takes a checkpoint file as the model of a run."""

from pathlib import Path

from rankdet.jobs.context import job, leave
from rankdet.jobs.watch import watched

run = Path(snakemake.output.record).parent

watched(snakemake, "take the checkpoint", run)
with job(snakemake, "take the checkpoint", run):
    from rankdet.jobs.detections import take_checkpoint

    take_checkpoint(snakemake.params.spec, run)

leave()
