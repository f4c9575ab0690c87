"""Makes one of the papers' figures."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "figure"):
    from rankdet.papers.figures import build_figure

<<<<<<< HEAD
    build_figure(snakemake.input.plan, snakemake.input.spec[0], Path(snakemake.output.svg).parent)

leave()
=======
    build_figure(
        snakemake.input.plan,
        snakemake.input.spec[0],
        Path(snakemake.output.svg).parent,
        for_papers=snakemake.params.for_papers,
    )
>>>>>>> 4899e70 (figure_files: a study also writes its figures for papers)
