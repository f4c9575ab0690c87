"""Writes a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import evaluation_name, job, leave, run_folder

files, params = snakemake.input, snakemake.params
weights = Path(files.record).parent  # the folder of the run, or of an epoch that it kept
out = Path(snakemake.output.detections).parent

with job(snakemake, f"predict ({evaluation_name(snakemake)})", run_folder(snakemake)):
    from rankdet.jobs.detections import detect

    detect(params.spec, weights, params.split, out, next(iter(files.thresholds), None))

leave()
