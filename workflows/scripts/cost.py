"""Measures what the losses cost on this machine."""

from rankdet.jobs.context import job, leave

with job(snakemake, "cost"):
    from rankdet.training.cost import measure_cost

    measure_cost(snakemake.params.spec).to_disk(snakemake.output[0])

leave()
