"""Where the pages of a report are, relative to its folder."""

from rankdet.results.epochs import run_key
from rankdet.results.layout import slug
from rankdet.results.recorded_run import RecordedRun

INDEX = "index.html"
READING = "reading.html"
EPOCHS = "kept-epochs"  # id of the section of a run's page about its epochs


def paper_page(name: str) -> str:
    """Returns the page of a paper."""
    return f"papers/{name}.html"


def run_page(key: str) -> str:
    """Returns the page of a run; of a kept epoch, the place on the page of its run."""
    page = "runs/" + "/".join(slug(part) for part in run_key(key).split("/")) + ".html"
    return page if run_key(key) == key else f"{page}#{EPOCHS}"


def run_files(key: str) -> str:
    """Returns the folder of a run's files, next to its page."""
    return run_page(key).removesuffix(".html")


def compare_page(run: RecordedRun) -> str:
    """Returns the page that compares the losses of a run's detector."""
    name = "@".join(filter(None, [run.detector, run.backbone]))  # as in keys: no two share it
    return f"compare/{slug(run.dataset)}/{slug(name)}.html"
