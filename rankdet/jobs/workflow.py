"""What the Snakefile and its rules import."""

from rankdet.jobs.completion import on_error, on_success
from rankdet.jobs.images import images_state
from rankdet.jobs.slurm.cluster import Cluster
from rankdet.jobs.startup import begin, share_settings_of_train, start
from rankdet.study.hashes import step_hash
from rankdet.study.tables import made_of, spec_files

__all__ = [
    "Cluster",
    "begin",
    "images_state",
    "made_of",
    "on_error",
    "on_success",
    "share_settings_of_train",
    "spec_files",
    "start",
    "step_hash",
]
