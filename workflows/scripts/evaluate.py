"""Evaluates a run's detections on one split."""

from rankdet.jobs.context import evaluation_name, job, leave, run_folder

files, out = snakemake.input, snakemake.output

with job(snakemake, f"evaluate ({evaluation_name(snakemake)})", run_folder(snakemake)):
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

leave()
