"""Compares a run's oLRP with the package that LRP's authors released."""

import json
from pathlib import Path

from rankdet.jobs.context import job

files, out = snakemake.input, snakemake.output[0]

with job(snakemake, "lrp-check", Path(out).parent):
    from rankdet.evaluation.lrp_check import check_lrp

    splits = json.loads(Path(files.manifest).read_text(encoding="utf-8"))["splits"]
    truth = splits[snakemake.params.split]["annotations"]
    check_lrp(truth, files.detections, files.metrics, out)
