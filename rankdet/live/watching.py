"""Watches a study: reads its progress, builds its report, and has both ready for the server."""

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from rankdet.errors import InputError, in_words
from rankdet.live.builds import Builder
from rankdet.live.page import ProgressPage, ReportState
from rankdet.report.paths import run_page
from rankdet.results.layout import PLAN
from rankdet.study.plan import Study
from rankdet.study.progress import Progress, ProgressReader

LEAST_PAUSE = 1.0  # seconds between two looks at the files
SHARE = 0.05  # of the time, at most, the files are read: they may be on a network


class Watch:
    """Follows a study in two threads between `start` and `stop`; the study is only read.

    Reports are built in a folder of temporary files: the folder below `reports/html` belongs to the
    workflow and to `rankdet report`.

    Args:
        study: the study.
        results: the folder with the results of all studies.
    """

    def __init__(self, study: Study, results: Path = Path("results")) -> None:
        self.study = study
        self._folder = Path(tempfile.mkdtemp(prefix="rankdet-watch-"))
        self.builder = Builder(Path(study.folder) / PLAN, self._folder)
        self._reader = ProgressReader(study, results)
        self._page = ProgressPage(study.config, self._page_of)
        self._stopping = threading.Event()
        self._progress: Progress = self._reader.read()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._read, self._build)
        ]
        self._rendered: tuple[Progress | None, ReportState, bytes] = (None, ReportState(), b"")
        self._lock = threading.Lock()
        self._told = ""

    def start(self) -> None:
        """Begins to follow the study."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the threads and a build, and removes the reports."""
        self._stopping.set()
        self.builder.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def page(self) -> tuple[bytes, str]:
        """Returns the page of progress, and its content security policy."""
        progress, report = self._progress, self._report_state()
        with self._lock:  # one browser after the other; the next ones take the same page
            if self._rendered[0] is not progress or self._rendered[1] != report:
                self._rendered = (progress, report, self._page.render(progress, report))
            return self._rendered[2], self._page.policy

    def report(self) -> Path | None:
        """Returns the folder of the newest report; None if there is none yet."""
        last = self.builder.last
        return last.folder if last and last.folder.is_dir() else None

    def _report_state(self) -> ReportState:
        last = self.builder.last
        return ReportState(
            last.when if last else None,
            last is not None and last.records == self._progress.records,
            self.builder.building,
            self.builder.problem,
            last is not None and not self.builder.plan.is_file(),
        )

    def _page_of(self, key: str) -> str:
        folder, page = self.report(), run_page(key)
        return f"report/{page}" if folder and (folder / page).is_file() else ""

    def _read(self) -> None:
        while not self._stopping.is_set():
            start = time.monotonic()
            try:
                self._progress = self._reader.read()
            except (OSError, InputError) as error:  # a network file system is away: try again
                self._tell(f"note: the results cannot be read: {in_words(error)}")
            took = time.monotonic() - start
            self._stopping.wait(max(LEAST_PAUSE, took / SHARE))

    def _tell(self, line: str) -> None:
        if line != self._told:
            print(line, file=sys.stderr, flush=True)
        self._told = line

    def _build(self) -> None:
        while not self._stopping.wait(LEAST_PAUSE / 2):
            records = self._progress.records
            if self.builder.due(records):
                self.builder.build(records)
