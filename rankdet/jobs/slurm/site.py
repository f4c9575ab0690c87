"""What a study must know of a cluster: `profiles/slurm/site.yaml`, or variables of the shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rankdet.errors import InputError
from rankdet.files import read_yaml, shown
from rankdet.strict import Strict, read

SITE = Path("profiles") / "slurm" / "site.yaml"
PREFIX = "RANKDET_SLURM_"
# Options of sbatch that are resources of a job for Snakemake; the plugin refuses them as options.
RESOURCES = {"--constraint": "constraint", "-C": "constraint", "--qos": "qos", "-q": "qos"}
# Options that follow from the study, or that the workflow needs; with what to do instead.
KEYS = "account and partition are keys of this file"
ASKED = "docs/slurm.md says how a job asks for something else"
NEEDED = "the workflow needs its own"
TAKEN = {
    **dict.fromkeys(("--account", "-A", "--partition", "-p"), KEYS),
    **dict.fromkeys(("--mem", "--mem-per-cpu", "--time", "-t", "--nodes", "-N"), ASKED),
    **dict.fromkeys(("--ntasks", "-n", "--ntasks-per-gpu", "--cpus-per-task", "-c"), ASKED),
    **dict.fromkeys(("--cpus-per-gpu", "--gres", "--gpus", "-G", "--clusters", "-M"), ASKED),
    **dict.fromkeys(("--job-name", "-J", "--output", "-o", "--error", "-e", "--comment"), NEEDED),
    **dict.fromkeys(("--parsable", "--export", "--workdir", "--chdir", "-D", "--wrap"), NEEDED),
}


class Site(Strict):
    """The keys of the file; the variable of a key is `RANKDET_SLURM_<KEY>`."""

    account: str = Field("", description="The account that is charged; empty: the user's default")
    partition: str = Field("", description="Where jobs run; empty: the cluster's default")
    extra: str = Field("", description="More options of sbatch: `--qos=long --constraint=a100`")
    accounting: Literal["auto", "yes", "no"] = Field(
        "auto", description="Whether sacct knows ended jobs; auto: SLURM is asked"
    )
    longest: int = Field(
        1440, ge=1, description="Minutes of the longest job; a longer training is resumed"
    )
    group: bool = Field(True, description="Train, predict and evaluate a run in one job")


def load_site(root: Path, environment: Mapping[str, str] = os.environ) -> Site:
    """Returns the settings of the cluster: variables win over the file.

    Args:
        root: The folder with `profiles/`.
        environment: Variables.

    Raises:
        InputError: One line, if a key or a value is wrong.
    """
    path = root / SITE
    values: Any = (read_yaml(path) if path.exists() else None) or {}
    if not isinstance(values, dict):
        raise InputError(f"{shown(path)}: not a list of keys; write `partition: gpu`")
    values = {key: value for key, value in values.items() if value is not None}
    for key in ("account", "partition"):  # 123 is a number in YAML, and a name for SLURM
        if isinstance(values.get(key), int):
            values[key] = str(values[key])
    # YAML reads yes and no as true and false
    words: dict[Any, str] = {True: "yes", False: "no"}
    if isinstance(values.get("accounting"), bool):
        values["accounting"] = words[values["accounting"]]
    source = shown(path)
    for key in Site.model_fields:
        if (given := environment.get(PREFIX + key.upper())) is not None:
            values[key], source = given, f"{source}, {PREFIX}{key.upper()}"
    site = read(Site, values, source)
    try:
        options(site.extra)
    except InputError as error:
        raise InputError(f"{source}: extra: {error}") from None
    return site


def options(extra: str) -> tuple[dict[str, str], str]:
    """Returns what `extra` asks for: resources of Snakemake's plugin, and options of `sbatch`.

    Args:
        extra: The text: `--qos=long --mail-type=FAIL`.

    Returns:
        `{"qos": "long"}` and `--mail-type=FAIL`.

    Raises:
        InputError: If a quotation is not closed, or an option is not free to choose.
    """
    try:
        words = shlex.split(extra)
    except ValueError as error:
        raise InputError(f"{error}; close the quotation") from None
    resources, others = {}, []
    while words:
        word = words.pop(0)
        long = word.startswith("--")
        name, given, value = word.partition("=") if long else (word[:2], word[2:], word[2:])
        if name in TAKEN:
            raise InputError(f"{name} cannot be set here: {TAKEN[name]}")
        if name not in RESOURCES:
            others.append(word)
        elif not given and not words:
            raise InputError(f"{name} has no value; write {name}=<value>")
        else:
            resources[RESOURCES[name]] = value if given else words.pop(0)
    return resources, shlex.join(others)
