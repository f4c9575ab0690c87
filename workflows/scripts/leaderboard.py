"""Gathers all runs in one table."""

from workflows.study.job import job

with job(snakemake, "leaderboard"):
    from analysis.leaderboard import build_leaderboard

    build_leaderboard(snakemake.input.plan, snakemake.output[0])
