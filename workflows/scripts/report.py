"""Builds the report's pages."""

from pathlib import Path

from workflows.study.job import job

with job(snakemake, "report"):
    from analysis.report import build_report

    build_report(snakemake.input.plan, Path(snakemake.output[0]).parent)
