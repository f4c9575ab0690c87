"""A workflow on SLURM: its settings when the rules are read, and its checks before jobs start."""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rankdet.errors import InputError
from rankdet.jobs.claim import SESSION
from rankdet.jobs.finished import forget_finished
from rankdet.jobs.lines import Follower
from rankdet.jobs.slurm import commands, limits
from rankdet.jobs.slurm.attempts import Attempts, job_label
from rankdet.jobs.slurm.site import SITE, Site, load_site, options
from rankdet.study.plan import Study
from rankdet.study.resources import JobNeeds

GROUP = "run"  # all jobs of a run
APPEND = "--open-mode=append"  # of the logs of jobs that SLURM starts again
TURN = "turn"  # a resource: one job of a group runs at a time
MARK = "slurm_"  # default resources of a profile for SLURM begin with it
MANY = 10_000  # attempts: `Attempts` decides which failures get one
REMEMBERS = 200  # seconds; the plugin asks at least every 180


class Cluster:
    """What the rules of a workflow need of the cluster; outside of one it changes nothing.

    Args:
        workflow: Snakemake's workflow, before its first rule.
        study: The study.

    Attributes:
        needs: Minutes and memory of the jobs.
        group: The group of the rules that work on a run; None where jobs run on this machine.
    """

    def __init__(self, workflow: Any, study: Study) -> None:
        self._workflow, self._study = workflow, study
        self.needs = JobNeeds(study)
        self.group: str | None = None
        self._site = Site()
        self._follower: Follower | None = None
        self._main = workflow.is_main_process
        if self._main:
            os.environ[SESSION] = uuid.uuid4().hex
        defaults = workflow.resource_settings.default_resources or {}
        self._marked = any(str(name).startswith(MARK) for name in defaults)
        study.submitted = self._submits
        if self._marked:
            with _one_line():
                self._prepare(defaults)

    def _prepare(self, defaults: Any) -> None:
        site = self._site = load_site(Path(self._workflow.basedir))
        self.group = GROUP if site.group else None
        if self.group:
            self._workflow.register_resource(TURN, 1)
        asked, others = options(site.extra)
        asked |= {"slurm_account": site.account, "slurm_partition": site.partition}
        if others:
            asked["slurm_extra"] = f"{APPEND} {others}"
        for name, value in asked.items():
            if value:
                defaults[name] = value
        longest = site.longest
        if self._main and shutil.which("sinfo"):
            with suppress(InputError):  # SLURM cannot be reached: `start` says so; `-n` needs none
                limit = limits.longest(site.partition, commands.nodes())
                longest = min(longest, limit or longest)
        self.needs.longest = longest

    def _submits(self) -> bool:
        """Whether jobs run on other machines; the executor is known when jobs are planned."""
        plugin = self._workflow.executor_plugin
        return self._marked or bool(plugin and plugin.common_settings.non_local_exec)

    def start(self) -> None:
        """Begins to watch the jobs; if one can never start, prints that and exits with 2."""
        workflow = self._workflow
        executor = workflow.scheduler.get_executor(_Anywhere())
        if type(executor).__module__.split(".")[0] != "snakemake_executor_plugin_slurm":
            return
        with _one_line():
            setup = commands.setup()
            accounting = _accounting(self._site, setup)
            jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
            if reason := limits.impossible(map(self._request, jobs), commands.nodes()):
                raise InputError(reason)
        settings = workflow.executor_settings
        settings.status_command = "sacct" if accounting else "squeue"
        if not self._site.account:
            executor.get_account_arg = lambda job: iter([""])  # it would guess, and warn
        Attempts(workflow, self._study, self.needs, accounting).attach(executor)
        for rule in workflow.rules:
            if not workflow.is_local(rule):
                rule.restart_times = MANY
        self._follower = Follower(Path(".snakemake") / "rankdet" / f"lines-{os.getpid()}")
        self._follower.start()

    def end(self) -> None:
        """Prints the last lines of the jobs, and removes what was kept for further attempts."""
        if self._follower:
            self._follower.stop()
        forget_finished(Path(self._study.folder) / run.key for run in self._study.runs)

    def _request(self, job: Any) -> limits.Request:
        names = {"memory": "mem_mb", "gpus": "gpu"}
        wanted = {"cores": job.threads}
        for key, name in names.items():
            value = job.resources.get(name)
            if isinstance(value, int):
                wanted[key] = value
        partition = str(job.resources.get("slurm_partition") or "")
        return limits.Request(job_label(job, self._study), wanted, partition)


class _Anywhere:
    """A job that does not run on this machine, to ask for the executor of such jobs."""

    is_local = False


def _accounting(site: Site, setup: commands.Setup) -> bool:
    """Returns whether `sacct` is asked about jobs.

    Raises:
        InputError: If neither command would know a job that has ended.
    """
    accounting = setup.accounting if site.accounting == "auto" else site.accounting == "yes"
    if accounting and not setup.accounting:
        raise InputError(
            f"{SITE}: accounting: yes, but this cluster keeps no accounts (AccountingStorageType); "
            "write `accounting: auto`"
        )
    if not accounting and setup.remembers < REMEMBERS:
        raise InputError(
            f"SLURM forgets a job {setup.remembers} s after its end (MinJobAge) and keeps no "
            f"accounts, so its end could be missed; ask for MinJobAge={REMEMBERS} or more"
        )
    return accounting


@contextmanager
def _one_line() -> Iterator[None]:
    """Prints an `InputError` as one line and exits with 2."""
    try:
        yield
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
