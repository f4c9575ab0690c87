"""Writes the study's plan, which the tables and the report read."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "plan"):
    from rankdet.files import write_record

    write_record(Path(snakemake.output[0]), snakemake.params.plan)

leave()
