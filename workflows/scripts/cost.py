"""Measures what the losses cost on this machine."""

import json
from pathlib import Path

from rankdet.jobs.context import job

with job(snakemake, "cost"):
    from rankdet.training.cost import measure_cost

    record = measure_cost(snakemake.params.spec)
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1, ensure_ascii=False))
