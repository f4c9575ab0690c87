"""Takes detections that were made elsewhere as those of a run."""

from pathlib import Path

from rankdet.jobs.context import job, leave

out, params = snakemake.output, snakemake.params
folder = Path(out.detections).parent
record = getattr(out, "record", None)  # with the main split
run = folder if record else folder.parent

with job(snakemake, f"import ({params.split})", run):
    from rankdet.results.imported import take_detections, write_import_record

    take_detections(params.spec, snakemake.input.manifest, params.split, folder)
    if record:
        write_import_record(params.spec, snakemake.input.manifest, run)

leave()
