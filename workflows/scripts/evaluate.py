"""Evaluates a run's detections on one split."""

from pathlib import Path

from rankdet.jobs.context import evaluation_name, job, leave, run_folder

files, out = snakemake.input, snakemake.output

with job(snakemake, f"evaluate ({evaluation_name(snakemake)})", run_folder(snakemake)):
    from rankdet.results.metrics_record import write_split_metrics
    from rankdet.results.seals import seal_metrics

    write_split_metrics(
        snakemake.params.split,
        detections=files.detections,
        run_json=files.record,
        dataset_json=files.manifest,
        out_metrics=out.metrics,
        out_matches=out.matches,
        masks=snakemake.params.masks,
    )
    weights = Path(files.record).parent  # the folder of the run, or of an epoch that it kept
    seal_metrics(Path(out.metrics).parent, weights, snakemake.params.made_of)

leave()
