"""Where the pages of a report are, relative to its folder."""

from rankdet.results.layout import slug
from rankdet.results.records import RecordedRun

INDEX = "index.html"
READING = "reading.html"


def paper_page(name: str) -> str:
    """Returns the page of a paper."""
    return f"papers/{name}.html"


def run_page(key: str) -> str:
    """Returns the page of a run."""
    return "runs/" + "/".join(slug(part) for part in key.split("/")) + ".html"


def run_files(key: str) -> str:
    """Returns the folder of a run's files, next to its page."""
    return run_page(key).removesuffix(".html")


def compare_page(run: RecordedRun) -> str:
    """Returns the page that compares the losses of a run's detector."""
    name = "-".join(filter(None, [run.detector, run.backbone]))
    return f"compare/{slug(run.dataset)}/{slug(name)}.html"
