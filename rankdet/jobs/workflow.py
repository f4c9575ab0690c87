"""What the Snakefile and its rules import."""

from rankdet.jobs.completion import on_error, on_success
from rankdet.jobs.images import images_state
from rankdet.jobs.own_rules import follow_own_rules
from rankdet.jobs.quick import quick
from rankdet.jobs.slurm.cluster import Cluster
from rankdet.jobs.startup import begin, start
from rankdet.study.hashes import step_hash
from rankdet.study.tables import made_of, spec_files

__all__ = [
    "Cluster",
    "begin",
    "follow_own_rules",
    "images_state",
    "made_of",
    "on_error",
    "on_success",
    "quick",
    "spec_files",
    "start",
    "step_hash",
]
