"""Compares a run's oLRP with the package that LRP's authors released."""

from pathlib import Path

from rankdet.jobs.context import job, leave

files, out = snakemake.input, snakemake.output[0]

with job(snakemake, "lrp-check", Path(out).parent):
    from rankdet.jobs.lrp_check import check_run

    check_run(files.manifest, snakemake.params.split, files.detections, files.metrics, out)

leave()
