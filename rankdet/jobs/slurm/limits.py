"""Jobs that no node of the cluster can run: SLURM would let some of them wait for ever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rankdet.jobs.slurm.commands import Node


@dataclass(frozen=True)
class Request:
    """What a job asks for.

    Attributes:
        label: The job: `train shapes/retinanet/ap/seed1`.
        wanted: `cores`, `memory` (MB) and `gpus`.
        partition: Empty for the default.
    """

    label: str
    wanted: Mapping[str, int]
    partition: str = ""


UNITS = {"cores": "threads", "memory": "MB of memory", "gpus": "GPUs"}
REMEDY = {
    "cores": "lower `threads` with `--config threads=<n>` (each GPU of a training takes as many)",
    "memory": "lower schedule.batch_size or image_size, or set mem_mb of the rule",
    "gpus": "lower schedule.gpus of the study: passes are then accumulated",
}


def impossible(requests: Iterable[Request], nodes: Sequence[Node]) -> str:
    """Returns why a job can never start, in one line; empty if all can.

    Args:
        requests: The jobs that will be submitted.
        nodes: All nodes of the cluster.
    """
    for request in requests:
        if reason := _reason(request, nodes):
            return f"{request.label} can never start: {reason}"
    return ""


def _reason(request: Request, nodes: Sequence[Node]) -> str:
    asked = {name.strip() for name in request.partition.split(",") if name.strip()}
    here = [node for node in nodes if node.partition in asked or (not asked and node.default)]
    where = f"partition {request.partition}" if asked else "the default partition"
    if not here:
        names = ", ".join(sorted({node.partition for node in nodes})) or "none"
        return (
            f"the cluster has no {where}; its partitions: {names}. Set `partition` in "
            "profiles/slurm/site.yaml"
        )
    for key, wanted in request.wanted.items():
        most = max(getattr(node, key) for node in here)
        if wanted > most:
            return (
                f"it asks for {wanted:,} {UNITS[key]}, and no node of {where} has more than "
                f"{most:,}; {REMEDY[key]}, or choose another partition in profiles/slurm/site.yaml"
            )
    if not any(_fits(request, node) for node in here):
        wanted_all = ", ".join(f"{value:,} {UNITS[key]}" for key, value in request.wanted.items())
        return f"no single node of {where} has {wanted_all}; ask for less of one of them"
    return ""


def _fits(request: Request, node: Node) -> bool:
    return all(wanted <= getattr(node, key) for key, wanted in request.wanted.items())


def longest(partition: str, nodes: Sequence[Node]) -> int | None:
    """Returns the time limit of a partition in minutes; None if it has none or is not known."""
    asked = {name.strip() for name in partition.split(",") if name.strip()}
    limits = [
        node.minutes for node in nodes if node.partition in asked or (not asked and node.default)
    ]
    return None if not limits or None in limits else max(filter(None, limits), default=None)
