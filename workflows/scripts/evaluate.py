"""Evaluates a run's detections on one split."""

from rankdet.jobs.context import evaluation_name, job, leave, run_folder

files, out, params = snakemake.input, snakemake.output, snakemake.params

with job(snakemake, f"evaluate ({evaluation_name(snakemake)})", run_folder(snakemake)):
    from rankdet.jobs.evaluation import evaluate_run

    made = {"out_metrics": out.metrics, "out_matches": out.matches, "masks": params.masks}
    read = {"detections": files.detections, "dataset_json": files.manifest}
    evaluate_run(params.split, params.made_of, files.record, **made, **read)

leave()
