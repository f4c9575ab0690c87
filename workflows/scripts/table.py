"""Makes one of the papers' tables."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "table"):
    from rankdet.papers.table import build_table

    build_table(snakemake.input.plan, snakemake.input.spec[0], Path(snakemake.output.csv).parent)

leave()
