"""One training in several processes: one for each GPU, or several on a CPU.

The parent takes the GPUs, starts the processes with torch's own launcher, prints their progress and
turns a failure into one line. The processes train as DistributedDataParallel does.
"""

import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from rankdet.errors import InputError
from rankdet.lifetime import end_with_parent
from rankdet.machine import THREAD_VARIABLES

INPUT_ERROR = "InputError: "
# Messages of torch in a process whose peer has ended: the peer's failure is the reason.
LOST = ("Connection closed", "Connection reset", "Broken pipe", "gloo", "NCCL", "TCPStore")
GRACE = 10  # seconds that a process which lost its peer waits for the launcher to end it
SHUTDOWN = 15  # seconds until a process that ignores SIGTERM is killed


def process_count(spec: Mapping[str, Any]) -> int:
    """Returns how many processes train a run: its schedule's `gpus`."""
    return int(spec["schedule"].get("gpus") or 1)


def train_in_processes(spec: dict[str, Any], run_dir: Path) -> None:
    """Trains a run in as many processes as its schedule has `gpus`, and waits for them.

    Args:
        spec: The run's spec; `threads` are shared by the processes.
        run_dir: The run's folder.

    Raises:
        InputError: If a process found bad input, or this machine has too few GPUs.
        RuntimeError: If a process failed; the message is its reason, in one line.
        KeyboardInterrupt: If the user stopped it; the processes are ended before.
        SystemExit: If it was terminated; the processes are ended before, too.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from rankdet.training.progress import progress_reporter

    count = process_count(spec)
    threads = max(1, int(spec.get("threads", 1)) // count)
    own = {**spec, "threads": threads}
    variables = {name: str(threads) for name in THREAD_VARIABLES} | _devices(spec, count)
    relayed = _relayed(progress_reporter(run_dir))
    with _environment(variables), _handlers(), _without_main(), relayed as sender:
        try:
            _launch(count, own, run_dir, sender)
        except ChildFailedError as error:
            _raise(error.failures, count)
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + error.sigval) from None


def _launch(count: int, spec: dict[str, Any], run_dir: Path, sender: Connection) -> None:
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",  # a free port
        local_addr="127.0.0.1",
        max_restarts=0,  # the workflow tries again, and the run is resumed
        signals_to_handle="SIGTERM,SIGINT,SIGHUP",
        shutdown_timeout=SHUTDOWN,
    )
    elastic_launch(config, _train)(spec, str(run_dir), sender)


def _train(spec: dict[str, Any], run_dir: str, sender: Connection) -> None:
    """Trains as one of the processes; the launcher has set `LOCAL_RANK`."""
    end_with_parent()
    try:
        from rankdet.training.environment import set_up

        device = set_up(spec)  # first: it leaves out what other imports would load, a second long
        from rankdet.training import together
        from rankdet.training.run import train_process

        together.connect(device)
        train_process(spec, Path(run_dir), device, lambda *values: sender.send(values))
        together.disconnect()
    except Exception as error:
        if any(words in str(error) for words in LOST):
            time.sleep(GRACE)
        raise


def _raise(failures: Mapping[int, Any], count: int) -> NoReturn:
    """Raises the first failure that the launcher saw, in one line."""
    rank = min(failures, key=lambda rank: failures[rank].timestamp)
    failure = failures[rank]
    message = failure.message
    text = message.get("message", "") if isinstance(message, Mapping) else str(message)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no message")
    if first.startswith(INPUT_ERROR):
        raise InputError(first.removeprefix(INPUT_ERROR))
    if not isinstance(message, Mapping):  # the process could not report a reason
        first = f"it ended with exit code {failure.exitcode}"
        if failure.exitcode < 0:
            first = f"ended by {failure.signal_name()}, maybe because the memory was full"
    raise RuntimeError(
        f"process {rank + 1} of {count} failed: {first}; the others were stopped; run again to "
        "continue from the last checkpoint"
    )


@contextmanager
def _relayed(report: Any) -> Iterator[Connection]:
    """Yields one end of a pipe; what is sent there is reported by this process on its terminal."""
    receiver, sender = get_context("spawn").Pipe(duplex=False)

    def relay() -> None:
        with suppress(EOFError, OSError):
            while True:
                report(*receiver.recv())

    reader = threading.Thread(target=relay, daemon=True)
    reader.start()
    try:
        yield sender
    finally:
        sender.close()
        reader.join(timeout=SHUTDOWN)
        receiver.close()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _without_main() -> Iterator[None]:
    """Hides the running script, which Python would run again at the start of each process."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), main.__dict__.pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


@contextmanager
def _handlers() -> Iterator[None]:
    """Restores the signal handlers, which the launcher replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _devices(spec: Mapping[str, Any], count: int) -> dict[str, str]:
    """Takes as many GPUs, and returns which of them the processes may see; none on a CPU."""
    import torch

    device = spec.get("device", "auto")
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return {"CUDA_VISIBLE_DEVICES": ""}
    from rankdet.training.environment import lock_gpus

    indices = lock_gpus(count)
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return {"CUDA_VISIBLE_DEVICES": ",".join(visible[i] if visible else str(i) for i in indices)}
