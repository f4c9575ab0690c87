"""Builds the whole report: one folder of static pages."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rankdet.datasets import image_record
from rankdet.errors import InputError
from rankdet.files import read_text
from rankdet.papers.folders import paper_of
from rankdet.parsing import MOST_YAML
from rankdet.report.compare_page import comparisons
from rankdet.report.compare_writing import write_comparison_pages
from rankdet.report.index_page import write_index_page
from rankdet.report.page_keys import PageKeys, stamps_of_records
from rankdet.report.page_store import PageStore, Stamp
from rankdet.report.paper_page import paper_sections, write_paper_pages
from rankdet.report.reading_page import write_reading_page
from rankdet.report.run_page import write_run_pages
from rankdet.report.site import Site
from rankdet.results.outside import check_outside_studies
from rankdet.results.records import RecordedStudy, read_study
from rankdet.results.status import WITHOUT_NUMBERS
from rankdet.whole_folders import followed, is_foreign, swapped_in

MARK = ".rankdet-report"  # in every folder that is a report


def build_report(
    plan_path: str | Path, out_dir: str | Path, told: Callable[[str], None] = lambda line: None
) -> Path:
    """Writes a study's report as a folder of static pages that need no network.

    The pages show the study's records. What is missing (failed runs, unreadable records, images) is
    named on the pages. The new report replaces the old one as a whole, so no page of a deleted run
    remains.

    Args:
        plan_path: `results/<study>/plan.json`.
        out_dir: the report's folder; of a link, the folder that it leads to. A folder with other
            files, or inside a study's, is refused.
        told: gets a line for each damaged file of a run, and for each run that has files but no
            numbers, after everything is written.

    Returns:
        The path of `index.html`.

    Raises:
        InputError: The plan or a specification cannot be used, or `out_dir` has other files or
            cannot be written.
    """
    before = stamps_of_records(plan_path)
    study = read_study(plan_path, _changed_images)
    target = Path(out_dir)
    check_outside_studies(target)
    with _replaced(target) as folder:
        notes = _write_pages(study, folder, before)
    for line in notes:
        told(line)
    return target / "index.html"


def _changed_images(data: Path) -> str | None:
    """The images that were replaced since a dataset was prepared, in words; None if none were."""
    changed = image_record.state(data)[1]
    return f"images: {image_record.described(changed)}" if changed else None


def _write_pages(study: RecordedStudy, folder: Path, before: Mapping[str, Stamp]) -> Iterable[str]:
    """Writes the pages; returns a line for each damaged file and each run without numbers."""
    store, keys = PageStore(study.folder), PageKeys(study, before)
    sections = paper_sections(study, folder)
    compared = comparisons(study, folder)
    site = Site(study, folder, [paper_of(name) for name in sections], compared=bool(compared))
    write_index_page(site, sections, compared)
    write_paper_pages(site, sections)
    write_comparison_pages(site, compared, store, keys)
    write_run_pages(site, compared, store, keys)
    store.forget_others()
    write_reading_page(site)
    without = (run for run in study.runs if run.status in WITHOUT_NUMBERS)
    return [*(f"{run.key} has no numbers: {run.reason}" for run in without), *site.notes]


def _keep_other_files(old: Path, new: Path) -> None:
    """Copies what the user put into a report: all that is not in the list of its own entries."""
    own = sorted(path.name for path in new.iterdir())
    (new / MARK).write_text("\n".join(["rankdet report", *own, ""]), encoding="utf-8")
    try:
        before = read_text(old / MARK, MOST_YAML).splitlines()
    except InputError:
        return
    if len(before) < 2:  # written before there was a list
        return
    for path in old.iterdir():
        if path.name not in before and path.name != MARK and not (new / path.name).exists():
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, new / path.name, symlinks=True)
            else:
                shutil.copy2(path, new / path.name, follow_symlinks=False)


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """Yields a new folder, which replaces the report at `target` when the block succeeds."""
    try:
        if is_foreign(followed(target), MARK):
            raise InputError(f"{target}: has files that are not a report; name another folder")
        with swapped_in(target) as folder:
            yield folder
            _keep_other_files(target, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{target}: the report cannot be written: {reason}") from error
