"""How the workflow starts: from Snakemake's config to a checked study, or one line and the end."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rankdet.errors import InputError
from rankdet.files import shown
from rankdet.jobs.completion import Quiet
from rankdet.study.config.model import check_config
from rankdet.study.plan import Study


def start(config: Mapping[str, Any], files: Sequence[str], root: str) -> Study:
    """Returns the study; a wrong one prints one line and exits with 2.

    Args:
        config: Snakemake's merged config.
        files: The config files that it was read from, for messages.
        root: The repository, put on the path of every script.
    """
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    source = " + ".join(shown(file) for file in files) or "--config"
    try:
        study = Study(check_config(config, source), source)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    logging.getLogger("snakemake.logging").addFilter(Quiet(study))
    return study
