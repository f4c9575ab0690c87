"""The page that explains the numbers, words and pictures of a report."""

from rankdet.evaluation.registry import METRICS, grouped
from rankdet.report.paths import READING
from rankdet.report.site import Site


def write_reading_page(site: Site) -> None:
    """Writes the page."""
    site.write(READING, "reading.html.j2", metric_groups=grouped(METRICS))
