"""Gathers all runs in one table."""

from rankdet.jobs.context import job, leave

with job(snakemake, "leaderboard"):
    from rankdet.results.leaderboard import build_leaderboard

    build_leaderboard(snakemake.input.plan, snakemake.output[0])

leave()
