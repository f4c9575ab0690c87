"""Writes a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import evaluation_name, job

files, params = snakemake.input, snakemake.params
run = Path(files.record).parent
out = Path(snakemake.output.detections).parent

with job(snakemake, f"predict ({evaluation_name(snakemake)})", run):
    from rankdet.jobs.detections import detect

    detect(params.spec, run, params.split, out, next(iter(files.thresholds), None))
