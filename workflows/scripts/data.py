"""Writes a dataset: annotations in COCO's format and a manifest."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "data") as this:
    from rankdet.jobs.dataset import prepare_dataset

    folder, params = Path(snakemake.output.manifest).parent, snakemake.params
    prepare_dataset(snakemake.wildcards.dataset, params.config, folder, params.images, this)

leave()
