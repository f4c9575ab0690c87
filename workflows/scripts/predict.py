"""Writes a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import job, subject
from rankdet.jobs.job_spec import with_data

files, spec = snakemake.input, snakemake.params.spec
run = Path(files.record).parent
out = Path(snakemake.output.detections).parent

with job(snakemake, f"predict ({subject(snakemake)})", run):
    from rankdet.training import predict

    predict(with_data(spec), run, snakemake.params.split, out)
    if spec["test"].get("thresholds") == "lrp":
        from rankdet.results.thresholds import keep_confident

        chosen = next(iter(files.thresholds), None)
        keep_confident(out / "detections.json", files.manifest, snakemake.params.split, chosen)
