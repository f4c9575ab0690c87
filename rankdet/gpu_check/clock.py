"""Time and peak memory of a call: by CUDA events on a GPU, by the host's clock on a CPU."""

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

MEGABYTE = 1 << 20


def timed(
    call: Callable[[], Any],
    device: str,
    *,
    warm_ups: int = 3,
    repeats: int = 10,
    seconds: float = float("inf"),
    beside: Callable[[], Any] | None = None,
) -> dict[str, Any]:
    """Measures a call.

    On a GPU the host waits after each call, so the time contains what the host needs to start the
    kernels, as in a training that waits for its losses.

    Args:
        call: The call.
        device: `cpu` or `cuda:<index>`.
        warm_ups: Calls that are not measured.
        repeats: Measured calls.
        seconds: No further warm-up starts after this time, and no further measured call after as
            long again. One warm-up and one measured call are always made.
        beside: A call that is measured in turns with the first one, because a machine is faster
            at one time than at another.

    Returns:
        `ms` (the median), `best_ms`, `repeats`, and `peak_mb`: the memory of the device that a call
        adds at its peak, None on a CPU. With `beside` also `beside_ms`, its median in the same
        turns, and `ratio`: the median of the ratios of the two times of a turn.
    """
    on_gpu = device.startswith("cuda")
    end = time.monotonic() + seconds
    for number in range(warm_ups):
        if not number or time.monotonic() < end:
            call()
            if beside:
                beside()
    before = _reset_peak(on_gpu)
    end = time.monotonic() + seconds  # the first call may have compiled kernels
    measure = _by_events if on_gpu else _by_clock
    times: list[float] = []
    others: list[float] = []
    peak = None
    while len(times) < repeats and (not times or time.monotonic() < end):
        times.append(measure(call))
        if peak is None and on_gpu:
            peak = (torch.cuda.max_memory_allocated() - before) / MEGABYTE
        if beside:
            others.append(measure(beside))
    found = {
        "ms": statistics.median(times),
        "best_ms": min(times),
        "repeats": len(times),
        "peak_mb": peak,
    }
    if others:
        found["beside_ms"] = statistics.median(others)
        found["ratio"] = statistics.median(a / b for a, b in zip(times, others, strict=True))
    return found


def captured(call: Callable[[], Any]) -> Callable[[], None]:
    """Returns a call that replays the kernels of another call as a CUDA graph.

    Its time is that of the device alone: the host starts all kernels at once.

    Args:
        call: A call for which the host never waits for the device.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def _reset_peak(on_gpu: bool) -> int:
    if not on_gpu:
        return 0
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _by_events(call: Callable[[], Any]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def _by_clock(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def free(device: str) -> None:
    """Returns unused memory to the device, so that the next step can have it."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
