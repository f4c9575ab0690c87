"""The leaderboard as LaTeX: a booktabs table for each dataset and split."""

from collections.abc import Sequence

from rankdet.evaluation.metric import Metric
from rankdet.papers.export import latex_table, tex
from rankdet.results.leaderboard import BASELINE, columns
from rankdet.results.seed_groups import SeedGroup

LEFT = ("Detector", "Loss", "Seeds")


def leaderboard_latex(groups: Sequence[SeedGroup], title: str) -> str:
    """Means over seeds with ± half of their 95 % interval.

    Bold is what cannot be told from the best of its column, as in the report.

    Args:
        groups: the rows of the leaderboard.
        title: title of the study, for the captions.
    """
    places: dict[tuple[str, str], list[SeedGroup]] = {}
    for group in groups:
        places.setdefault((group.first.dataset_title, group.first.split), []).append(group)
    parts = ["% needs booktabs, and amssymb for some letters"]
    for (dataset, split), together in places.items():
        parts += _table(together, f"{title}: {dataset}, {split}.")
    return "\n".join(parts) + "\n"


def _table(groups: Sequence[SeedGroup], caption: str) -> list[str]:
    shown = [m for m in columns([e for g in groups for e in g.entries]) if m is not BASELINE]
    shown = [m for m in shown if any(g.means[m.key][0] is not None for g in groups)]
    heads = [*LEFT, *(f"{tex(m.header)} {_arrow(m)}".strip() for m in shown)]
    note = "Means ± half of the 95 % interval over seeds; bold cannot be told from the best."
    lines = (_line(group, shown) for group in groups)
    return latex_table(f"{caption} {note}", f"ll{'r' * (len(shown) + 1)}", heads, lines)


def _line(group: SeedGroup, shown: Sequence[Metric]) -> str:
    seeds = str(len(group.counted))
    cells = [_cell(group, metric) for metric in shown]
    return " & ".join([tex(group.first.detector_title), tex(group.title), seeds, *cells]) + r" \\"


def _cell(group: SeedGroup, metric: Metric) -> str:
    mean, half = group.means[metric.key]
    if mean is None:
        return "--"
    text = tex(f"{mean:.{metric.decimals}f}".replace("-", "−"))
    text += "" if half is None else rf" $\pm$ {half:.{metric.decimals}f}"
    return rf"\textbf{{{text}}}" if metric.key in group.best else text


def _arrow(metric: Metric) -> str:
    return {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}.get(metric.better or "", "")
