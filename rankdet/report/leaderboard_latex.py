"""The leaderboard as LaTeX: booktabs tables for each dataset and split that fit a page."""

from collections.abc import Sequence
from itertools import groupby

from rankdet.evaluation.metric import Metric
from rankdet.evaluation.units import in_digits
from rankdet.papers.latex import PACKAGES, latex_table, tex
from rankdet.papers.latex_captions import TEST
from rankdet.results.leaderboard import BASELINE, columns
from rankdet.results.seed_groups import SeedGroup

LEFT = ("Detector", "Loss", "Seeds")
MOST = 4  # metrics of a table: with ± and small letters they fit the text of an article


def leaderboard_latex(groups: Sequence[SeedGroup], study: str, title: str, scale: str = "") -> str:
    """Means over seeds with ± half of their 95 % interval.

    Each table has up to four metrics, and metrics of one kind stay together. Bold is what cannot be
    distinguished from the best of its detector, as in the report.

    Args:
        groups: the rows of the leaderboard.
        study: name of the study, for the labels: `tab:<study>-<dataset>-<split>-<first metric>`.
        title: title of the study, for the captions.
        scale: the warning about the scale of the study, for the captions; may be empty.
    """
    places: dict[tuple[str, str], list[SeedGroup]] = {}
    for group in groups:
        places.setdefault((group.first.dataset, group.first.split), []).append(group)
    parts = [f"% {PACKAGES}"]
    for (dataset, split), together in places.items():
        caption = f"{title}: {together[0].first.dataset_title}, {split}."
        if len(_detectors(together)) == 1:
            caption += f" Detector: {together[0].first.detector_title}."
        caption += f" {scale}" if scale else ""
        for shown in _parts(together):
            label = f"{study}-{dataset}-{split}-{shown[0].key}"
            parts += _table(together, shown, caption, label)
    return "\n".join(parts) + "\n"


def _parts(groups: Sequence[SeedGroup]) -> list[list[Metric]]:
    """The metrics of each table."""
    shown = [m for m in columns([e for g in groups for e in g.entries]) if m is not BASELINE]
    shown = [m for m in shown if any(g.means[m.key][0] is not None for g in groups)]
    parts: list[list[Metric]] = []
    for _, kind in groupby(shown, key=lambda metric: metric.group):
        every = list(kind)
        for together in (every[at : at + MOST] for at in range(0, len(every), MOST)):
            if parts and len(parts[-1]) + len(together) <= MOST:
                parts[-1] += together
            else:
                parts.append(together)
    return parts


def _table(
    groups: Sequence[SeedGroup], shown: Sequence[Metric], caption: str, label: str
) -> list[str]:
    left = LEFT[len(_detectors(groups)) == 1 :]
    heads = [*left, *(f"{tex(m.header)} {_arrow(m)}".strip() for m in shown)]
    best = "mean" if len(_detectors(groups)) == 1 else "mean of its detector"
    note = "Mean ± half of the 95% t-interval over the seeds."
    if any(metric.key in group.best for group in groups for metric in shown):
        note += f" Bold: cannot be distinguished from the best {best} ({TEST})."
    lines = (" & ".join(_cells(group, shown)[-len(heads) :]) + r" \\" for group in groups)
    layout = f"{'l' * (len(left) - 1)}{'r' * (len(shown) + 1)}"
    return latex_table(f"{caption} {note}", label, layout, heads, lines)


def _detectors(groups: Sequence[SeedGroup]) -> set[str]:
    """The detectors of a table; a single one is in its caption, not in a column."""
    return {group.first.detector_title for group in groups}


def _cells(group: SeedGroup, shown: Sequence[Metric]) -> list[str]:
    names = [tex(group.first.detector_title), tex(group.title), str(len(group.counted))]
    return [*names, *(_cell(group, metric) for metric in shown)]


def _cell(group: SeedGroup, metric: Metric) -> str:
    mean, half = group.means[metric.key]
    if mean is None:
        return "--"
    text = tex(in_digits(mean, metric.decimals).replace("-", "−"))
    text += "" if half is None else rf" $\pm$ {half:.{metric.decimals}f}"
    return rf"\textbf{{{text}}}" if metric.key in group.best else text


def _arrow(metric: Metric) -> str:
    return {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}.get(metric.better or "", "")
