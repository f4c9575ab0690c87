"""Writes the detections of a detector that was not trained."""

from pathlib import Path

from rankdet.jobs.context import job, leave
from rankdet.jobs.watch import watched

run = Path(snakemake.output.record).parent

watched(snakemake, "untrained", run)
with job(snakemake, "untrained", run):
    from rankdet.jobs.detections import detect_untrained

    detect_untrained(snakemake.params.spec, run)

leave()
