"""Writes the study's plan, which the tables and the report start from."""

from pathlib import Path

from workflows.study.job import job
from workflows.study.specs import write_plan

with job(snakemake, "plan"):
    write_plan(snakemake.params.plan, Path(snakemake.output[0]))
