"""Takes a checkpoint file as the model of a run."""

from pathlib import Path

from rankdet.jobs.context import job
from rankdet.jobs.job_spec import with_data

run = Path(snakemake.output.record).parent

with job(snakemake, "take the checkpoint", run):
    from rankdet.training import given

    given(with_data(snakemake.params.spec), run)
