"""Makes one of the papers' figures."""

from pathlib import Path

from rankdet.jobs.context import job, leave

with job(snakemake, "figure"):
    from rankdet.papers.figures import build_figure

    build_figure(
        snakemake.input.plan,
        snakemake.input.spec[0],
        Path(snakemake.output.svg).parent,
        for_papers=snakemake.params.for_papers,
    )

leave()
