"""Takes a checkpoint file as the model of a run."""

from pathlib import Path

from rankdet.jobs.context import job

run = Path(snakemake.output.record).parent

with job(snakemake, "take the checkpoint", run):
    from rankdet.jobs.detections import take_checkpoint

    take_checkpoint(snakemake.params.spec, run)
