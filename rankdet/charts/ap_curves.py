"""Charts of AP over a value on a logarithmic axis, a curve for each loss."""

from collections.abc import Sequence

from rankdet.charts.chart import Chart, Series


def ap_over_logarithm(
    name: str, alt: str, x_label: str, curves: Sequence[Series], digits: str
) -> Chart:
    """Returns the chart.

    Args:
        name: its name, as for `Chart`.
        alt: its description without the values, which are added.
        x_label: the horizontal axis; ``(logarithmic)`` is added.
        curves: AP × 100 over the value, above 0.
        digits: format of the value in the description, such as `g`.
    """
    values = [x for curve in curves for x in curve.x]
    low, high = min(values), max(values)
    if low == high:  # one value: in the middle of an axis
        low, high = low / 2, 2 * high
    told = "; ".join(
        f"{c.name} " + ", ".join(f"{y:.1f} at {x:{digits}}" for x, y in zip(c.x, c.y, strict=True))
        for c in curves
    )
    return Chart(
        name=name,
        alt=f"{alt}: {told}.",
        x_label=f"{x_label} (logarithmic)",
        y_label="AP",
        series=tuple(curves),
        x_limits=(low, high),
        y_limits=(0.0, 0.0),
        x_log=True,
    )
