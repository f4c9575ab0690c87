"""A real SLURM on this machine, and a copy of the project that is started on it."""

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rankdet.repository import ROOT
from tests.workflow.conftest import FAKE_TRAINING

HERE = Path(__file__).parent
COPIED = ("Snakefile", "workflows", "config", "profiles", "envs", "analysis", "rankdet", "reports")
COPIED += ("data/tuned",)  # cards cite searches
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
WITH_ACCOUNTS = ("slurmdbd", "mariadbd", "sacct")
LONG = 1500  # seconds; a machine that does other things needs minutes to import torch

# Put behind the stand-in of tests/workflow: it resumes, and it trains as slowly as the file `pace`
# says, so that no training ends before a slow SLURM has done what a test waits for. Real trainings
# that are killed are in tests/training; what counts here are the jobs around them.
SLOW_TRAINING = """
def train(spec, run_dir, finish=None):
    work, total = run_dir / "work", spec["schedule"]["iterations"]
    work.mkdir(exist_ok=True)
    notes = [json.loads(path.read_text())["iteration"] for path in work.glob("epoch_*.json")]
    last, history = max(notes, default=0), work / "resumed.json"
    resumed = json.loads(history.read_text()) if history.exists() else []
    if last:
        resumed.append(last)
        history.write_text(json.dumps(resumed))
    rows = work / "train.jsonl"
    kept = rows.read_text().splitlines(keepends=True)[:last] if last else []
    rows.write_text("".join(kept))
    for i in range(last + 1, total + 1):
        time.sleep(float(Path("pace").read_text()))
        with rows.open("a") as file:
            file.write(json.dumps({"iteration": i, "process": os.getpid()}) + "\\n")
        if i % 4 == 0:
            (work / f"epoch_{i}.json").write_text(json.dumps({"iteration": i}))
        if i % 100 == 0 or i == 4:
            os.write(int(os.environ["RANKDET_TERMINAL"]), f"iteration {i}\\n".encode())
    (run_dir / "rows.jsonl").write_text(rows.read_text())
    import pandas as pd
    pd.DataFrame({"iteration": range(1, total + 1)}).to_parquet(run_dir / "train.parquet")
    (run_dir / "model.pth").write_bytes(b"weights")
    _record(spec, run_dir, "trained")
    record = json.loads((run_dir / "run.json").read_text())
    record["training"]["resumed_from"] = resumed
    (run_dir / "run.json").write_text(json.dumps(record))
    finish()
    import shutil
    shutil.rmtree(work)
"""
STUDY = """
study: slow
title: One slow training
scale: A test of clusters; the numbers mean nothing.
preset: small
device: cpu
untrained: false
datasets:
  shapes: {kind: shapes, title: Shapes, seed: 1, image_size: 96, train_images: 16, val_images: 8}
runs:
  - {dataset: shapes, detectors: [retinanet], losses: [focal]}
schedule: {image_size: 96, batch_size: 4, iterations: 3000, warmup: 4, checkpoint_every: 4}
splits: [val]
"""


def missing(programs: tuple[str, ...]) -> str:
    """Returns why SLURM cannot be started here; empty if it can."""
    if os.geteuid() != 0:
        return "only root can start SLURM"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "the plugin is missing: in the clone, pip install '.[slurm]'"
    configured = Path("/etc/slurm/slurm.conf")
    if configured.exists() and not configured.is_symlink():
        return f"{configured} exists: this machine belongs to a cluster"
    absent = [name for name in programs if shutil.which(name) is None]
    return f"missing programs: {', '.join(absent)} (tests/cluster/README.md)" if absent else ""


@dataclass
class Slurm:
    """A SLURM that runs.

    Attributes:
        folder: Its configuration, state and logs.
        accounts: Whether it keeps accounts.
    """

    folder: Path
    accounts: bool

    def start(self, *nodes: str) -> None:
        more = ["with-accounts"] if self.accounts else []
        log = self.folder.with_suffix(".start")  # daemons keep it open, so it cannot be a pipe
        with log.open("w") as out:
            command = [HERE / "start.sh", self.folder, *more, *nodes]
            done = subprocess.run(command, stdout=out, stderr=out, timeout=300, check=False)
        assert done.returncode == 0, log.read_text()

    def stop(self) -> None:
        subprocess.run([HERE / "stop.sh", self.folder], timeout=120, check=False)

    def ask(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def kill_daemon(self, node: str) -> None:
        """What the failure of a node's network looks like to SLURM: its jobs live on."""
        os.kill(int((self.folder / f"slurmd-{node}.pid").read_text()), 9)


def running(accounts: bool, request: pytest.FixtureRequest) -> Iterator[Slurm]:
    """Starts a SLURM, one at a time on this machine, and stops it.

    Its folder stays if a test has failed. A process of its own stops it if the tests are killed.
    """
    if reason := missing(PROGRAMS + (WITH_ACCOUNTS if accounts else ())):
        pytest.skip(reason)
    with (Path(tempfile.gettempdir()) / "rankdet-slurm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        one = Slurm(folder, accounts)
        wait = f"tail --pid={os.getpid()} -f /dev/null; exec {HERE}/stop.sh {folder}"
        guard = subprocess.Popen(["bash", "-c", wait], start_new_session=True)
        try:
            one.start("n1")
            yield one
        finally:
            one.stop()
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()
            if not request.session.testsfailed:
                shutil.rmtree(folder)
                folder.with_suffix(".start").unlink()


@dataclass
class Workflow:
    """A study that was started on the cluster, with what it has printed so far."""

    root: Path
    process: subprocess.Popen[bytes]
    log: Path
    seen: dict[str, object] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        return self.root / "results" / "slow" / "shapes" / "retinanet" / "focal" / "seed1"

    def text(self) -> str:
        return self.log.read_text()

    def rows(self) -> int:
        """The iterations of the training so far."""
        try:
            return len((self.run / "work" / "train.jsonl").read_bytes().splitlines())
        except FileNotFoundError:
            return 0

    def wait(self, condition: Callable[[], object], what: str) -> None:
        last = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < last, f"waited for {what}:\n{self.text()}"
            assert self.process.poll() is None, f"ended before {what}:\n{self.text()}"
            time.sleep(0.5)

    def hurry(self) -> None:
        """Lets the training end soon; without it, it takes an hour."""
        (self.root / "pace").write_text("0")

    def finish(self) -> int:
        return self.process.wait(LONG)

    def record(self) -> dict:
        return json.loads((self.run / "run.json").read_text())


@dataclass
class Project:
    """A copy of the project with the slow loss and its study."""

    root: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, study: str = "slow.yaml", **variables: str) -> Workflow:
        (self.root / "pace").write_text("1")  # seconds
        log = self.root / f"terminal-{len(self.started) + 1}.txt"
        # It ends with the tests, also if these are killed
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "snakemake"]
        command += ["--workflow-profile", "profiles/slurm"]
        command += ["--configfile", study, "--config", "threads=1", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self.root), "OMP_NUM_THREADS": "1"}
        environment |= {f"RANKDET_SLURM_{key.upper()}": value for key, value in variables.items()}
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=self.root, env=environment, stdout=out, stderr=out
            )
        self.started.append(process)
        return Workflow(self.root, process, log)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy in which trainings are real."""
    yield from _copy(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def slow_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy with a stand-in for the training: an iteration takes a second."""
    for copy in _copy(tmp_path_factory.mktemp("cluster")):
        training = copy.root / "rankdet" / "training" / "__init__.py"
        training.write_text(FAKE_TRAINING + SLOW_TRAINING)
        yield copy


def _copy(root: Path) -> Iterator[Project]:
    skipped = shutil.ignore_patterns("__pycache__", "html", "example")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, root / name)
    (root / "slow.yaml").write_text(STUDY)
    copy = Project(root)
    yield copy
    for process in copy.started:
        process.kill()
        process.wait()
