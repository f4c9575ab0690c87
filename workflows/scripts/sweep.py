"""Gathers a run's metrics and speed at its score thresholds."""

from pathlib import Path

from rankdet.jobs.context import job, leave

files, out = snakemake.input, snakemake.output[0]

with job(snakemake, "sweep", Path(out).parent):
    from rankdet.results.sweep import write_sweep

    write_sweep(snakemake.params.thresholds, files.metrics, files.speed, out)

leave()
