"""Writes a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import job, subject
from rankdet.jobs.job_spec import with_data

run = Path(snakemake.input.record).parent
out = Path(snakemake.output.detections).parent

with job(snakemake, f"predict ({subject(snakemake)})", run):
    from rankdet.training import predict

    predict(with_data(snakemake.params.spec), run, snakemake.params.split, out)
