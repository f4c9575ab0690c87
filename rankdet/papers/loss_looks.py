"""The looks of a study's losses: one colour for a loss in all charts of its report and figures."""

from dataclasses import replace

from rankdet.charts.looks import assigned_looks, with_looks
from rankdet.papers.across import DATA
from rankdet.papers.figure_model import Figure
from rankdet.papers.table_model import Block
from rankdet.results.epochs import recorded
from rankdet.results.records import RecordedStudy


def loss_looks(study: RecordedStudy) -> dict[str, int]:
    """Returns the look of each loss with its variants, such as `alrp+iou`.

    Losses have theirs in the order of the plan; the untrained detectors come last.
    """
    runs = sorted(study.runs, key=lambda run: run.untrained)
    return assigned_looks(run.full_loss for run in runs)


def figure_with_looks(study: RecordedStudy, figure: Figure) -> Figure:
    """Returns a figure in which each curve has the look of its loss."""
    known = loss_looks(study)
    drawings = []
    for drawing, block in zip(figure.drawings, figure.table.blocks, strict=True):
        looks = {
            label: known[loss] for label, loss in _losses(study, block).items() if loss in known
        }
        charts = tuple(with_looks(chart, looks) for chart in drawing.charts)
        drawings.append(replace(drawing, charts=charts))
    return replace(figure, drawings=tuple(drawings))


def _losses(study: RecordedStudy, block: Block) -> dict[str, str]:
    """The loss of each row by the label that its curve has in charts."""
    found = {}
    for row in block.rows:
        run = recorded(study, row.runs[0]) if row.runs else None
        if run is not None:
            labels = (text for name, text in row.row.labels.items() if name != DATA)
            found[" ".join(filter(None, labels))] = run.full_loss
    return found
