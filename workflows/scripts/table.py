"""Makes one of the papers' tables."""

from pathlib import Path

from workflows.study.job import job

with job(snakemake, "table"):
    from analysis.tables import build_table

    build_table(snakemake.input.plan, snakemake.input.spec[0], Path(snakemake.output.csv).parent)
