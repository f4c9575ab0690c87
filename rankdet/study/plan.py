"""A study for the workflow: its runs, what each depends on, and `plan.json`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.papers.spec import RunRequest
from rankdet.repository import use_places
from rankdet.results import layout
from rankdet.results.schemas.plan import Plan
from rankdet.study import batches, data, hashes, published
from rankdet.study import cost as costs
from rankdet.study.config.model import StudyConfig
from rankdet.study.config.own_files import check_places
from rankdet.study.first_weights import with_first_weights
from rankdet.study.hyperparameters import hyperparameters
from rankdet.study.imported import ImportedRun, Imports
from rankdet.study.job_spec import job_spec
from rankdet.study.kept_epochs import Training, check_kept_epochs, trainings
from rankdet.study.made_of import made_of
from rankdet.study.plan_entries import run_entry, spec_entry, study_entry
from rankdet.study.resolved_once import resolved_once
from rankdet.study.resolved_run import ResolvedRun
from rankdet.study.run_files import RunFiles
from rankdet.study.runs import Run, expand, run_key
from rankdet.study.runs_of_tables import runs_of_tables
from rankdet.study.sources import sources
from rankdet.study.tables import load_specs, run_of

DECIDES_LAYERS = ("classification", "head", "rpn", "rcnn", "mask")  # keys of a loss card


class Study(RunFiles):
    """A checked study.

    Args:
        config: The checked config.
        source: The config file's name, for messages.
        with_data: Whether the files of the data must be there.

    Raises:
        InputError: One line, if a loss, detector, table or file of the data is not there.
    """

    def __init__(self, config: StudyConfig, source: str, with_data: bool = True) -> None:
        self.config, self.source = config, source
        self.name = config.study
        self.places = dict(check_places(config.paths.model_dump(), source))
        use_places(self.places)
        self.folder = f"results/{config.study}"
        self.report = f"reports/html/{config.study}/index.html"
        self.tables = load_specs(config.tables, "tables", source)
        self.figures = load_specs(config.figures, "figures", source)
        self.papers = runs_of_tables(
            config, [*self.tables.values(), *self.figures.values()], source
        )
        published.check_names(config, source)
        planned = expand(config, source, self.papers.runs)
        resolved = resolved_once(planned, self._keeping, config, source)
        self.runs, self._first_models = with_first_weights(resolved, self.folder, source)
        check_kept_epochs(self.runs, source)
        self._runs = {run.key: run for run in self.runs}
        self.imports = Imports(config, Path(self.folder), source)
        self.every: list[ResolvedRun | ImportedRun] = [*self.runs, *self.imports.runs]
        self.datasets = list(dict.fromkeys(run.dataset for run in self.every))
        self._parts: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
        # Whether the jobs run on other machines; a workflow that submits jobs replaces it.
        self.submitted: Callable[[], bool] = lambda: False
        if config.cost:
            costs.cost_models(config.cost, source)
        if with_data:
            self.check_data()

    def _keeping(self, run: Run) -> Run:
        """The run with the epochs that cells show of it; only a training has epochs.

        If a group has `keep_epochs`, these keys decide for all groups: a study may keep epochs of
        some of its seeds.
        """
        chosen = any(group.keep_epochs for group in self.config.runs)
        specs = [] if chosen else [*self.tables.values(), *self.figures.values()]
        epochs = {*run.kept_epochs, *self._shown_epochs(run, specs)} if run.trained else ()
        return replace(run, kept_epochs=tuple(sorted(epochs)))

    def check_data(self) -> None:
        """Checks that the files of the data are there.

        Raises:
            InputError: For the first file or folder that is missing.
        """
        data.check(self.config, self.datasets, self.source)

    def run_of(self, request: RunRequest) -> ResolvedRun | None:
        """Returns the planned run of a table's cell, of the first seed; None if there is none."""
        return run_of(request, self.runs, self.papers.schedules, self.papers.datasets)

    def evaluated(self, wildcards: Mapping[str, str]) -> ResolvedRun | ImportedRun:
        """Returns the run of a job that evaluates: a planned run, or imported detections."""
        return self.imports.get(run_key(wildcards)) or self.run(wildcards)

    def hashes(self, wildcards: Mapping[str, str]) -> dict[str, str]:
        """Returns what the training of a job's run depends on, apart from its data."""
        return dict(self.run(wildcards).hashes)

    def first_model(self, wildcards: Mapping[str, str]) -> list[str]:
        """Returns the `model.pth` of another run that the training of a job's run starts from.

        It is empty if there is none; a file from elsewhere counts by its content, in the hashes.
        """
        return [path for path in [self._first_models.get(run_key(wildcards))] if path]

    def test_hash(self, wildcards: Mapping[str, str]) -> str:
        """Returns what a job's detections depend on, apart from the run's weights and data."""
        return self.run(wildcards).test_hash(*_test(wildcards))

    def given_hash(self, wildcards: Mapping[str, str]) -> str:
        """Returns what a model with given weights depends on, apart from their file."""
        model = self.run(wildcards).model
        kept = {k: v for k, v in model.card.items() if k in DECIDES_LAYERS}
        return hashes.digest(
            hashes.model_code_hash("given", model.detector_spec), model.detector_spec, kept
        )

    def thresholds_from(self, wildcards: Mapping[str, str]) -> list[str]:
        """Returns the `metrics.json` that gives the lowest score of each class in a job's test.

        A job on the main split takes the thresholds from its own detections, so the list is empty.
        """
        run = self.run(wildcards)
        chosen = run.test_settings(*_test(wildcards)).get("thresholds")
        if chosen != "lrp" or self.split(wildcards) == self.config.splits[0]:
            return []
        return [f"{self.folder}/{run.key}/metrics.json"]

    def _manifest(self, dataset: str) -> str:
        return f"{self.folder}/{dataset}/{layout.DATASET}"

    def predicts_masks(self, wildcards: Mapping[str, str]) -> bool:
        """Returns whether the detector of a job's run predicts masks."""
        return self.evaluated(wildcards).predicts_masks

    def split(self, wildcards: Mapping[str, str]) -> str:
        """Returns the split of a job: its wildcard, else the study's main split."""
        return wildcards.get("split", self.config.splits[0])

    def trainings(self) -> list[Training]:
        """Returns the rules that train: one for each set of epochs that some runs keep."""
        return trainings(self.runs)

    def data_config(self, name: str) -> dict[str, Any]:
        """Returns the config from which a dataset is prepared."""
        return data.prepare_config(self.config, name)

    def data_files(self, name: str) -> list[str]:
        """Returns the annotation files that a dataset is prepared from."""
        return data.annotation_files(self.config, name)

    def data_hash(self, name: str) -> str:
        """Returns what a dataset depends on, apart from its files."""
        return hashes.digest(hashes.step_hash("data"), data.prepare_config(self.config, name))

    def spec(self, wildcards: Mapping[str, str], threads: int) -> dict[str, Any]:
        """Returns the spec of a job for `rankdet.training`; JSON-serialisable.

        `hashes.data` is added when a job runs, from the dataset's manifest.

        Args:
            wildcards: The job's wildcards. `test` selects a test variant, `threshold` a score
                threshold.
            threads: CPU threads.
        """
        return self.run_spec(self.run(wildcards), threads, *_test(wildcards))

    def run_spec(
        self,
        run: ResolvedRun,
        threads: int = 1,
        variant: str | None = None,
        threshold: str | float | None = None,
    ) -> dict[str, Any]:
        """Returns the job spec of a run; the last two arguments choose one of its tests."""
        parts = self._made_of(run) if run.trained else {}
        manifest = self._manifest(run.dataset)
        first = self._first_models.get(run.key, run.init_from)
        return job_spec(run, self.config, manifest, parts, threads, variant, threshold, first)

    def _made_of(self, run: ResolvedRun) -> dict[str, dict[str, Any]]:
        # The runs keep these objects.
        key = (id(run.model), id(run.schedule), run.init_from, run.first_weights)
        if key not in self._parts:
            self._parts[key] = made_of(run)
        return self._parts[key]

    @property
    def cost_record(self) -> list[str]:
        """Returns the record of the losses' cost; empty if the study does not measure it."""
        return [f"{self.folder}/{layout.COST}"] if self.config.cost else []

    @property
    def cost_hash(self) -> str:
        """Returns the hash of everything on which that record depends, apart from the machine."""
        return costs.cost_hash(self.config.cost, self.source) if self.config.cost else ""

    def cost_spec(self, threads: int) -> dict[str, Any]:
        """Returns the spec of the job that measures the losses' cost."""
        if self.config.cost is None:
            raise InputError(f"{self.source}: no key `cost`; add it to measure what losses cost")
        return costs.cost_spec(self.config.cost, self.source, threads, self.config.device)

    @property
    def gpus(self) -> int:
        """How many GPUs a job takes here: 1 for `cuda`, or for `auto` on a machine with a GPU."""
        return int(batches.runs_on_gpus(self.config.device, submitted=False))

    def training_threads(self, wildcards: Mapping[str, str]) -> int:
        """Returns the CPU threads of a job's training: `threads` for each of its GPUs."""
        return self.config.threads * self.run(wildcards).gpus

    def training_gpus(self, wildcards: Mapping[str, str]) -> int:
        """Returns how many GPUs a job's training takes; 0 on a CPU."""
        return self.run(wildcards).gpus if self.runs_on_gpus else 0

    @property
    def runs_on_gpus(self) -> bool:
        """Whether jobs request GPUs, here or where they are submitted to."""
        return batches.runs_on_gpus(self.config.device, self.submitted())

    def plan(self) -> dict[str, Any]:
        """Returns the content of `plan.json`; it is not to be changed."""
        return self._plan

    @cached_property
    def _plan(self) -> dict[str, Any]:
        config = self.config
        content: dict[str, Any] = {
            "study": study_entry(config),
            "datasets": [
                {
                    "name": name,
                    "title": config.datasets[name].title or name,
                    "manifest": self._manifest(name),
                    "made_of": data.made_of(config, name),
                }
                for name in self.datasets
            ],
            "runs": [*(run_entry(run, self.folder) for run in self.runs), *self.imports.entries()],
            "tables": [spec_entry(name) for name in self.tables],
            "figures": [spec_entry(name) for name in self.figures],
            "papers": self.papers.plan(),
            "hyperparameters": hyperparameters({**self.tables, **self.figures}.values()),
            **({"cost": self.cost_record[0]} if config.cost else {}),
            "sources": sources(self.runs),
            **({"places": self.places} if self.places else {}),
        }
        return Plan.of(**content).to_dict()

    @cached_property
    def plan_hash(self) -> str:
        """The hash of the whole plan, titles included."""
        return hashes.digest(self.plan())


def _test(wildcards: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The test variant and the score threshold of a job; None if it does not have one."""
    return wildcards.get("test"), wildcards.get("threshold")
