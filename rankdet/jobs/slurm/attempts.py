"""Watches the jobs of a workflow on SLURM: why each ended, and whether it is tried again.

The plugin reports an error as a message that Snakemake hides with the other messages of rules, and
drops for groups of jobs. So its function that prints errors is replaced by one that tells the user,
writes the record of the failure, and decides about another attempt.
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rankdet.files import read_record
from rankdet.jobs.context import evaluation_name
from rankdet.jobs.slurm.commands import End, end_of, words
from rankdet.jobs.slurm.endings import Tries, refusal
from rankdet.jobs.slurm.site import SITE
from rankdet.results.failures import failure, record_failure
from rankdet.results.layout import RUN, WORK
from rankdet.study.plan import Study
from rankdet.study.resources import JobNeeds

SCRIPTS = {"train.py": "train", "given.py": "take the checkpoint"}
SAID = "The error message was '"  # the plugin's words before those of sbatch
LEFT_TO_SLURM = {  # it starts such jobs again, on most clusters
    "PREEMPTED": "made room for a job with a higher priority",
    "NODE_FAIL": "lost its node",
}
LASTS = 60.0  # seconds after which it has not
FINISHED = float("inf")  # iterations of a training that has ended


class Attempts:
    """Decides about jobs that have failed.

    Args:
        workflow: Snakemake's workflow.
        study: The study.
        needs: Its jobs' minutes and memory, which grow when they were too little.
        accounting: Whether `sacct` knows how a job ended.
    """

    def __init__(self, workflow: Any, study: Study, needs: JobNeeds, accounting: bool) -> None:
        self._workflow, self._study, self._needs = workflow, study, needs
        self._accounting, self._tries = accounting, Tries()

    def attach(self, executor: Any) -> None:
        """Replaces the executor's functions that submit a job and print an error."""
        submit = executor.run_job

        def run_job(job: Any) -> None:
            self._cap(job)
            submit(job)

        executor.run_job = run_job
        understand_states(sys.modules[type(executor).__module__])
        executor.print_job_error = self.failed

    def _cap(self, job: Any) -> None:
        """Keeps a group below the longest job: its minutes are the sum of its jobs'."""
        if job.is_group() and job.resources.get("runtime"):
            found = job._resources
            found["runtime"] = min(int(found["runtime"]), self._needs.longest)

    def failed(self, submitted: Any, message: str | None = None, **more: Any) -> None:
        """Tells the user why a job ended, and prevents another attempt that would not help.

        Args:
            submitted: Snakemake's `SubmittedJobInfo`.
            message: What the plugin says.
            more: `aux_logs`, with SLURM's log of the job.
        """
        job = submitted.job
        one = self._unfinished(job)
        label, run = job_label(one, self._study), _run_of(one, self._study)
        end = self._end(submitted.external_jobid, message or "")
        if end.state == "FAILED" and any(logs := more.get("aux_logs") or []):
            end = End(end.state, f"{end.why} (log: {logs[0]})")
        training = Path(str(one.rule.script or "")).name == "train.py"
        progress = _progress(run) if run is not None and training else None
        stop = self._tries.again(str(run or label), end.state, progress)
        if not stop and run is not None:
            key = run.relative_to(self._study.folder).as_posix()
            self._needs.longer[key] += end.state == "TIMEOUT" and not training
            self._needs.larger[key] += end.state == "OUT_OF_MEMORY"
        self._tell(label, run, end, stop, progress)
        if stop:
            job.attempt = max(job.attempt, job.restart_times + 1)

    def _end(self, number: str | None, message: str) -> End:
        if number is not None:
            return end_of(str(number), self._accounting)
        said = message.partition(SAID)[2].partition("'.\n")[0] or message
        reason = f"SLURM refused the job: {words(said)}"
        state = refusal(said)
        hint = f"; account, partition and options are in {SITE}" if state == "REFUSED" else ""
        return End(state, reason + hint)

    def _tell(
        self, label: str, run: Path | None, end: End, stop: str, progress: float | None
    ) -> None:
        own = failure(run) if run is not None and end.state == "FAILED" else None
        if own is not None:  # the job has printed and recorded its reason
            return
        reason = end.why if end.state == "REFUSED" else f"{end.why}; {_remedy(stop, progress)}"
        if run is not None and (stop or label.startswith("train ")):
            record_failure(run, label, reason)
        if stop:
            _print(f"error: {label}: {reason}")
        else:
            at = f"from iteration {progress:g}" if progress not in (None, 0, FINISHED) else "again"
            how = f"goes on {at}" if progress else "starts again"
            _print(f"note: {label}: {end.why}; it {how}")

    def _unfinished(self, job: Any) -> Any:
        """The first job of a group whose outputs are not there; a single job itself."""
        if not job.is_group():
            return job
        layers: Iterable[Iterable[Any]] = job.toposorted
        every = [one for layer in layers for one in layer]
        return next((one for one in every if not all(map(_exists, one.output))), every[0])


def job_label(job: Any, study: Study) -> str:
    """Returns what a job calls itself in messages and failure records.

    Args:
        job: Snakemake's job.
        study: The study.
    """
    script, run = Path(str(job.rule.script or "")).name, _run_of(job, study)
    name = SCRIPTS.get(script, job.rule.name)
    if script in ("predict.py", "evaluate.py"):
        name = f"{script.removesuffix('.py')} ({evaluation_name(job)})"
    if run is not None:
        return f"{name} {'/'.join(run.parts[-4:])}"
    return " ".join([name, *map(str, job.wildcards)])


def _run_of(job: Any, study: Study) -> Path | None:
    if job.wildcards.get("seed") is None:
        return None
    return Path(study.folder) / study.run(job.wildcards).key


def _progress(run: Path) -> float:
    """The iterations of the last checkpoint; infinite if the training has ended."""
    if (run / RUN).exists():
        return FINISHED
    notes = (read_record(path)[0] for path in (run / WORK).glob("epoch_*.json"))
    found = [note.get("iteration") for note in notes]
    return float(max((one for one in found if isinstance(one, int)), default=0))


def _remedy(stop: str, progress: float | None) -> str:
    on = "continue from its last checkpoint" if progress else "try it again"
    return f"{stop}; run again to {on}" if stop else f"run again to {on}"


def understand_states(plugin: Any, clock: Callable[[], float] = time.monotonic) -> None:
    """Makes the plugin understand states of jobs for which it would wait for ever.

    - `CANCELLED by 1000` is `CANCELLED`.
    - `PREEMPTED` and `NODE_FAIL` are left to SLURM, which starts the job again; the user is told.
      Some clusters forbid that, or end such jobs (PreemptMode=CANCEL): what lasts has failed.

    Args:
        plugin: The module `snakemake_executor_plugin_slurm`.
        clock: Returns seconds.
    """
    query = plugin.query_job_status
    since: dict[str, float] = {}

    def plain(job: str, state: str) -> str:
        word = (state.split() or [""])[0]
        if word not in LEFT_TO_SLURM:
            since.pop(job, None)
            return word
        if job not in since:
            since[job] = clock()
            _print(f"note: SLURM job {job} {LEFT_TO_SLURM[word]}; SLURM should start it again")
        return "PENDING" if clock() - since[job] < LASTS else "FAILED"

    async def query_plain(*arguments: Any) -> tuple[dict[str, str] | None, float | None]:
        states, seconds = await query(*arguments)
        if states is None:
            return None, None
        return {job: plain(job, state) for job, state in states.items()}, seconds

    if query.__name__ != query_plain.__name__:
        plugin.query_job_status = query_plain


def _exists(path: Any) -> bool:
    return Path(str(path)).exists()


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
