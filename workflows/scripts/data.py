"""Writes a dataset: annotations in COCO's format and a manifest."""

from pathlib import Path

from rankdet.jobs.context import job

with job(snakemake, "data") as this:
    from rankdet.datasets import prepare
    from rankdet.datasets.summary import described

    folder = Path(snakemake.output.manifest).parent
    manifest = prepare(snakemake.wildcards.dataset, snakemake.params.config, folder)
    for split, entry in manifest["splits"].items():
        print(f"{split}: {entry['n_images']:,} images, {described(entry)}")
    for line in manifest["warnings"]:
        this.say(f"note: {snakemake.wildcards.dataset}: {line}")
