"""Gathers a run's measures and speed at its score thresholds."""

from pathlib import Path

from workflows.study.job import job

files, out = snakemake.input, snakemake.output[0]

with job(snakemake, "sweep", Path(out).parent):
    from analysis.sweep import write_sweep

    write_sweep(snakemake.params.thresholds, files.metrics, files.speed, out)
