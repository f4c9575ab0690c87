"""Writes a run's detections on one split."""

from pathlib import Path

from workflows.study.job import job, subject
from workflows.study.specs import with_data

run = Path(snakemake.input.record).parent
out = Path(snakemake.output.detections).parent

with job(snakemake, f"predict ({subject(snakemake)})", run):
    from rankdet.training import predict

    predict(with_data(snakemake.params.spec), run, snakemake.params.split, out)
