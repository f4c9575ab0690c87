"""Which colour, dashes and shape a loss has: the same on all pages and in all figures of a study.

A look is a place in a legend (`rankdet.charts.colours`): its colour repeats after eight places,
its dashes and shape after five. So there are 40 looks, and all pairs of colour and dashes occur.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from rankdet.charts.chart import Chart
from rankdet.charts.colours import COLOURS, DASHES

LOOKS = len(COLOURS) * len(DASHES)
# Any text would do. With this one the shipped losses rarely want the same colour, and the colours
# of the four losses that most studies have (focal, AP, aLRP and RS Loss) are far apart.
SALT = "42141"
WHOLE = "this run"


def assigned_looks(names: Iterable[str]) -> dict[str, int]:
    """Gives each loss a look.

    A loss has a favourite colour, which depends on its name alone. It gets the next one only if an
    earlier loss has it. So a further loss changes nothing before it, and little behind it.

    Args:
        names: names of the losses, in the order of the study.

    Returns:
        Name to its look, in [0, 40). Eight losses have eight colours; two losses with the same
        colour have other dashes, up to 40 losses.
    """
    found: dict[str, int] = {}
    colours: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    pairs: dict[int, set[int]] = {}
    for name in dict.fromkeys(names):
        wanted = int.from_bytes(sha256(f"{SALT} {name}".encode()).digest()[:4])
        shade = _rarest(colours, wanted % len(COLOURS), range(len(COLOURS)))
        taken = pairs.setdefault(shade, set())
        free = [at for at in range(len(DASHES)) if at not in taken] or range(len(DASHES))
        line = _rarest(dashes, wanted // len(COLOURS) % len(DASHES), free)
        colours[shade] += 1
        dashes[line] += 1
        taken.add(line)
        found[name] = next(
            at for at in range(shade, LOOKS, len(COLOURS)) if at % len(DASHES) == line
        )
    return found


def _rarest(used: Mapping[int, int], wanted: int, among: Iterable[int]) -> int:
    """The least used number; of equals the next one from `wanted` on, and then from 0."""
    return min(among, key=lambda at: (used.get(at, 0), at < wanted, at))


def with_looks(chart: Chart, looks: Mapping[str, int]) -> Chart:
    """Gives the series of a chart the looks of their losses.

    Series of the same loss have its colour and other dashes. A series without a loss gets a look
    that no other series has. A chart without a loss does not change.

    Args:
        chart: the chart.
        looks: name of a series to the look of its loss.
    """
    if not any(one.name in looks for one in chart.series):
        return chart
    taken: set[int] = set()
    made = list(chart.series)
    # Losses first: a series without one takes what they leave.
    order = sorted(range(len(made)), key=lambda at: made[at].name not in looks)
    for position in order:
        one = made[position]
        step = len(COLOURS) if one.name in looks else 1
        first = looks.get(one.name, 0)
        tried = [(first + step * k) % LOOKS for k in range(LOOKS // step)]
        look = next((at for at in tried if at not in taken), first)
        taken.add(look)
        made[position] = replace(one, look=look)
    return replace(chart, series=tuple(made))


def with_look(chart: Chart, look: int) -> Chart:
    """Gives a chart of one run the look of its loss.

    Args:
        chart: the chart; its series are the run, and parts or other states of it.
        look: the look of the series `WHOLE`, or else of the first one. The others are grey, because
            another colour is another loss. Series in panels of their own all have the look.
    """
    if len(chart.panels) > 1:
        return replace(chart, series=tuple(replace(one, look=look) for one in chart.series))
    names = [one.name for one in chart.series]
    main = names.index(WHOLE) if WHOLE in names else 0
    rest = (-1 - at for at in range(len(names)))
    looks = [look if at == main else next(rest) for at in range(len(names))]
    series = (replace(one, look=mine) for one, mine in zip(chart.series, looks, strict=True))
    return replace(chart, series=tuple(series))
