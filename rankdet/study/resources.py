"""What the jobs of a study ask of a cluster: minutes and memory, from the settings of their run.

Minutes come from measured iterations (`rankdet.study.estimate`), of any machine: the slowest record
with the same settings counts, because nobody knows on which node a job will run. Memory is the
machine's, not the GPU's.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from rankdet.machine import loading_processes
from rankdet.study.estimate import RESULTS, Pace, images_of, iterations, measured, pace_of
from rankdet.study.imported import ImportedRun
from rankdet.study.plan import Study
from rankdet.study.resolved_run import ResolvedRun

LONGEST = 1440  # minutes of a job, where the cluster says nothing else
START = 10  # minutes: imports, reading of the data, a slow file system
MARGIN = 1.5  # nodes differ, and share their file system
DETECT, EVALUATE = 60, 30  # minutes
SMALL = 3000  # MB of a run of the small form
PROCESS = 8000  # MB of a full training process: libraries, CUDA, the weights and their copies
COPIES = 4  # of an image in float32, between its file and the batch
FLOAT = 4  # bytes
MASKS = 2.0  # times: masks are loaded with the images
# Evaluation: measured at .5 to 8 million detections, .78 to 9.8 GB (bytes of memory for a byte of
# detections.json). A detection is about 110 bytes of JSON.
EVALUATION, FOR_A_BYTE, DETECTION = 1000, 16, 110
A_SPLIT = 5000  # images, if a split has not been counted yet


class JobNeeds:
    """Minutes and MB of the jobs of a study.

    Args:
        study: The study.
        longest: Minutes of the longest job.
        results: Folder with the records of measured iterations.

    Attributes:
        longer, larger: How often a run was ended at its time limit, and for its memory: its next
            attempt gets as many times more.
    """

    def __init__(self, study: Study, longest: int = LONGEST, results: Path = RESULTS) -> None:
        self.study, self.longest, self._results = study, longest, results
        self.longer: Counter[str] = Counter()
        self.larger: Counter[str] = Counter()

    @property
    def gpus(self) -> int:
        """How many GPUs a job takes that does not train, here or on a cluster."""
        return int(self.study.runs_on_gpus)

    @cached_property
    def _paces(self) -> dict[Pace, float]:
        return measured(self._results, gpu=bool(self.gpus), anywhere=True)

    def training_minutes(self, wildcards: Mapping[str, str]) -> int:
        """Returns the minutes of a training; the longest job if its pace was never measured.

        A training that needs more than the longest job is resumed by its next attempt.
        """
        run = self.study.run(wildcards)
        pace, length = self._paces.get(pace_of(run)), iterations(self.study, run)
        if pace is None or length is None:
            return self.longest
        return self._minutes(run, START + MARGIN * pace * length / 60)

    def detection_minutes(self, wildcards: Mapping[str, str]) -> int:
        """Returns the minutes of the detections on a split: at most a training's per image."""
        run = self.study.run(wildcards)
        pace = self._paces.get(pace_of(run), 0.0) / run.schedule["batch_size"]
        needed = START + MARGIN * pace * self._test_images(run) / 60
        return self._minutes(run, max(DETECT, needed))

    def evaluation_minutes(self, wildcards: Mapping[str, str]) -> int:
        """Returns the minutes of an evaluation."""
        return self._minutes(self.study.evaluated(wildcards), EVALUATE)

    def training_memory(self, wildcards: Mapping[str, str]) -> int:
        """Returns MB of a training: of its processes, their loaders and, on a CPU, the model."""
        run = self.study.run(wildcards)
        if run.preset == "small":
            return self._memory(run, SMALL * run.gpus)
        schedule = run.schedule
        images = schedule.get("images_per_gpu") or schedule["batch_size"]
        workers = schedule.get("workers")
        if workers is None:
            workers = loading_processes(self.study.config.threads, bool(self.gpus))
        loading = (workers or 2) * images * _pixels(schedule["image_size"])
        loading *= 3 * FLOAT * COPIES / 2**20 * (MASKS if run.predicts_masks else 1)
        return self._memory(run, run.gpus * (PROCESS + loading))

    def detection_memory(self, wildcards: Mapping[str, str]) -> int:
        """Returns MB of a job that detects: one process, and its detections."""
        run = self.study.run(wildcards)
        if run.preset == "small":
            return self._memory(run, SMALL)
        return self._memory(run, PROCESS + self._expected(run) * FOR_A_BYTE / 2**20)

    def evaluation_memory(self, wildcards: Mapping[str, str], input: Sequence[str]) -> int:
        """Returns MB of an evaluation, from the size of `detections.json`.

        Args:
            wildcards: The job's.
            input: Its files, with `detections`; if that file is not there yet, its size is expected
                from the number of images.
        """
        run = self.study.evaluated(wildcards)
        try:
            size = Path(str(getattr(input, "detections", input[0]))).stat().st_size
        except OSError:
            size = self._expected(run)
        return self._memory(run, EVALUATION + FOR_A_BYTE * size / 2**20)

    def _expected(self, run: ResolvedRun | ImportedRun) -> int:
        per_image = run.test.get("max_per_image") or 100
        return self._test_images(run) * per_image * DETECTION

    def _test_images(self, run: ResolvedRun | ImportedRun) -> int:
        counts = [images_of(self.study, run.dataset, split) for split in run.splits]
        return max((count for count in counts if count), default=A_SPLIT)

    def _minutes(self, run: ResolvedRun | ImportedRun, minutes: float) -> int:
        return min(self.longest, math.ceil(minutes * (1 + self.longer[run.key])))

    def _memory(self, run: ResolvedRun | ImportedRun, mb: float) -> int:
        return math.ceil(mb * (1 + self.larger[run.key]))


def _pixels(image_size: int | Iterable[int]) -> int:
    return image_size**2 if isinstance(image_size, int) else math.prod(image_size)
