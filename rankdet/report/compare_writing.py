"""Writes comparison pages. What did not change since the last report is read from its store."""

from collections.abc import Sequence
from dataclasses import asdict

from markupsafe import Markup

from rankdet.errors import InputError
from rankdet.report.compare_charts import Curves
from rankdet.report.compare_page import AT_ONCE, Comparison
from rankdet.report.compare_tables import SHOWN
from rankdet.report.page_keys import PageKeys, Stamp
from rankdet.report.page_store import ComparisonContent, CurvesContent, PageStore, StoredCurves
from rankdet.report.sample_images import image_stamps, write_sample_images
from rankdet.report.site import Site


def write_comparison_pages(
    site: Site, compared: Sequence[Comparison], store: PageStore, keys: PageKeys
) -> None:
    """Writes the page of each comparison, with its images."""
    for one in compared:
        content = Markup(_content(site, one, store, keys))
        site.write(one.page, "compare.html.j2", group=one, content=content)


def _content(site: Site, one: Comparison, store: PageStore, keys: PageKeys) -> str:
    left_out = [(site.run_name(run), why) for run, why in one.left_out]
    key = keys.of_runs("comparison", one.runs, [one.page, left_out])
    found = store.read(key, ComparisonContent)
    if found and _write_images(one, found):
        store.keep(_key_of_curves(one, keys))
        return found.content
    content = site.render(
        one.page,
        "compare_content.html.j2",
        group=one,
        curves=_curves(one, store, keys),
        columns=SHOWN,
        at_once=AT_ONCE,
    )
    site.notes.update(dict.fromkeys(one.damaged))
    if not one.pictures.problem and not one.damaged:  # a page with a fault is made each time
        images = _images(one)
        store.write(key, ComparisonContent(content, images, _stamps(one, images)))
    return content


def _curves(one: Comparison, store: PageStore, keys: PageKeys) -> list[Curves]:
    """The curves, stored or made now: many changes of a study are in a loss without curves."""
    key = _key_of_curves(one, keys)
    found = store.read(key, CurvesContent)
    if not found:
        found = CurvesContent(tuple(StoredCurves(**asdict(part)) for part in one.curves))
        if not one.damaged:
            store.write(key, found)
    return [
        Curves(part.kind, part.title, tuple(map(Markup, part.svgs)), part.left_out)
        for part in found.curves
    ]


def _key_of_curves(one: Comparison, keys: PageKeys) -> str:
    lines = [one.lines[at] for at in one.drawn]
    runs = [run for line in lines for run in line.runs]
    return keys.of_runs("curves", runs, [(line.label, len(line.runs)) for line in lines])


def _images(one: Comparison) -> dict[str, list[int]]:
    """Which images a page shows, by split."""
    splits = {one.lines[at].run.main.split: made for at, made in one.pictures.shown}
    return {split: [sample.image_id for sample in made] for split, made in splits.items()}


def _stamps(one: Comparison, images: dict[str, list[int]]) -> list[Stamp]:
    """What changes when an image does."""
    found = [image_stamps(one.study, one.dataset, *part) for part in images.items()]
    return [stamp for stamps in found for stamp in stamps]


def _write_images(one: Comparison, found: ComparisonContent) -> bool:
    """Writes the images of a stored page; False if one of them has changed since."""
    try:
        if _stamps(one, found.images) != found.stamps:
            return False
        for split, ids in found.images.items():
            write_sample_images(one.study, one.dataset, split, one.report, ids)
    except InputError:  # the page says what is wrong with its images
        return False
    return True
