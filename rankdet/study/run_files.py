"""Which files of a study's runs its tables, figures and report are made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rankdet.errors import InputError
from rankdet.papers.spec import Spec
from rankdet.results import layout
from rankdet.results.epochs import KeptEpoch
from rankdet.study.imported import ImportedRun
from rankdet.study.kept_epochs import shown_epochs
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.runs import Run, run_key
from rankdet.study.runs_of_tables import FromTables
from rankdet.study.tables import Target, runs_of
from rankdet.suggest import choice


class RunFiles:
    """The files of a study's runs, by what reads them.

    Attributes:
        source: The config file's name, for messages.
        folder: The study's folder below `results`.
        tables: Name to table.
        figures: Name to figure.
        papers: The runs that tables and figures ask for.
        runs: The planned runs.
        every: These and the imported ones.
    """

    source: str
    folder: str
    tables: Mapping[str, Spec]
    figures: Mapping[str, Spec]
    papers: FromTables
    runs: Sequence[ResolvedRun]
    every: Sequence[ResolvedRun | ImportedRun]
    _runs: Mapping[str, ResolvedRun]  # by key

    def run(self, wildcards: Mapping[str, str]) -> ResolvedRun:
        """Returns the planned run of a job's wildcards (without `loss`: the untrained detector).

        Raises:
            InputError: If the study has no such run.
        """
        key = run_key(wildcards)
        if key not in self._runs:
            raise InputError(
                f"{self.source}: no run {key!r} in this study; {choice(key, self._runs)}"
            )
        return self._runs[key]

    def records(self, paper: str | None = None) -> list[str]:
        """Returns the `metrics.json` of every run and split, or of a table's or figure's runs."""
        if paper is not None:
            spec = {**self.tables, **self.figures}[paper]
            runs = self.runs_of(spec)
            found = [self._file(run, layout.METRICS) for run in runs]
            further = self.test_variants(runs) if spec.multi_scale else []
            further += self.kept_epochs(spec)
            return found + further + (self.sweeps(runs) if spec.sweeps else [])
        return [
            self._file(run, layout.METRICS, folder)
            for run in self.every
            for folder in ("", *map(layout.split_folder, run.splits[1:]))
        ]

    def _file(self, run: ResolvedRun | ImportedRun, name: str, folder: str = "") -> str:
        """Returns a file of a run, in its folder or in a folder below."""
        return (Path(self.folder) / run.key / folder / name).as_posix()

    def runs_of(self, spec: Spec) -> list[ResolvedRun]:
        """Returns the runs that a table or figure shows."""
        return runs_of(spec, self.runs, self.papers.schedules, self.papers.datasets)

    def sweeps(self, runs: Sequence[ResolvedRun] | None = None) -> list[str]:
        """Returns the `sweep.json` of those runs (by default all) that have score thresholds."""
        runs = self.runs if runs is None else runs
        return [self._file(run, layout.SWEEP) for run in runs if run.score_thresholds]

    def test_variants(self, runs: Sequence[ResolvedRun] | None = None) -> list[str]:
        """Returns the `metrics.json` of every test variant of those runs (by default all)."""
        return [
            self._file(run, layout.METRICS, layout.variant_folder(name))
            for run in (self.runs if runs is None else runs)
            for name, _ in run.test_variants
        ]

    def kept_epochs(self, spec: Spec | None = None) -> list[str]:
        """Returns the `metrics.json` of every kept epoch, or of those that a table shows."""
        return [
            self._file(run, layout.METRICS, layout.epoch_folder(kept.name))
            for run in self.runs
            for kept in run.kept_epochs
            if spec is None or kept in self._shown_epochs(run, [spec])
        ]

    def _shown_epochs(self, run: Run, specs: Sequence[Spec]) -> list[KeptEpoch]:
        return shown_epochs(run, specs, self.papers.schedules, self.papers.datasets)

    def sweep_files(self, wildcards: Mapping[str, str], name: str) -> list[str]:
        """Returns a file of a run's evaluation at each of its score thresholds.

        At the threshold of its main test, it is the file in the run's folder.
        """
        run = self.run(wildcards)
        own = run.test.get("score_threshold")
        folders = ("" if t == own else layout.threshold_folder(t) for t in run.score_thresholds)
        return [self._file(run, name, folder) for folder in folders]

    def targets(self) -> list[Target]:
        """Returns a target for each table and each figure."""
        tables = (Target.of(name, f"{self.folder}/tables/{name}/table.csv") for name in self.tables)
        figures = (
            Target.of(name, f"{self.folder}/figures/{name}/figure.svg") for name in self.figures
        )
        return [*tables, *figures]
