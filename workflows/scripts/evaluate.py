"""Evaluates a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import evaluation_name, job

files, out = snakemake.input, snakemake.output

with job(snakemake, f"evaluate ({evaluation_name(snakemake)})", Path(files.record).parent):
    from rankdet.results.metrics_record import write_split_metrics

    write_split_metrics(
        snakemake.params.split,
        detections=files.detections,
        run_json=files.record,
        dataset_json=files.manifest,
        out_metrics=out.metrics,
        out_matches=out.matches,
        masks=snakemake.params.masks,
    )
