"""The papers that the losses and detectors of a study are from, as their files cite them."""

from collections.abc import Iterable
from typing import Any

from rankdet.study.resolved_run import ResolvedRun

CITED = ("paper", "authors", "citation", "url")  # of a loss card


def sources(runs: Iterable[ResolvedRun]) -> list[dict[str, Any]]:
    """Returns an entry for each loss and each detector that cites something, losses first.

    Args:
        runs: The runs of a study.
    """
    losses: dict[str, dict[str, Any]] = {}
    detectors: dict[str, dict[str, Any]] = {}
    for run in runs:
        card, spec = run.model.loss_file.card, run.model.detector_spec
        cited = {key: card[key] for key in CITED if card.get(key)}
        if cited and not run.untrained:
            losses[run.loss_name] = {"name": run.loss_name, "title": card["title"], **cited}
        if spec.get("citation"):
            title = str(spec["title"]).partition(",")[0]  # without the backbone
            entry = {"name": run.detector, "title": title, **_parts(spec["citation"])}
            entry |= {"url": spec["url"]} if spec.get("url") else {}
            detectors[run.detector] = entry
    return [*losses.values(), *detectors.values()]


def _parts(citation: str) -> dict[str, str]:
    """`Authors, title, venue year` in parts, as a loss card has them."""
    authors, first, rest = citation.partition(", ")
    paper, last, venue = rest.rpartition(", ")
    if not (first and last):
        return {"citation": citation}
    return {"paper": paper, "citation": f"{authors}, {venue}"}
