"""Builds the report's pages."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "report") as this:
    from rankdet.report import build_report

    build_report(
        snakemake.input.plan,
        Path(snakemake.output[0]).parent,
        lambda line: this.print(f"note: {line}"),
    )

leave()
