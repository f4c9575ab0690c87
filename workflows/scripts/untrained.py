"""Writes the detections of a detector that was not trained."""

from pathlib import Path

from rankdet.jobs.context import job
from rankdet.jobs.job_spec import with_data

run, spec = Path(snakemake.output.record).parent, snakemake.params.spec

with job(snakemake, "untrained", run):
    from rankdet.training import untrained

    untrained(with_data(spec), run)
    if spec["test"].get("thresholds") == "lrp":
        from rankdet.results.thresholds import keep_confident

        keep_confident(run / "detections.json", snakemake.input[0], spec["splits"][0])
