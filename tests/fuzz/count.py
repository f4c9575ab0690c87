"""Counts the faults of each target: `python -m tests.fuzz.count [tries [target ...]]`."""

import collections
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS

SEED = 13


def faults(name: str, tries: int, folder: Path) -> list[tuple[int, str, str]]:
    """Returns the faults of a target: the number of the try, what was broken, and the fault.

    Try k is the same whatever the number of tries.
    """
    attempt = TARGETS[name](folder)
    found = []
    for k in range(tries):
        what, fault = attempt(random.Random(f"{SEED} {name} {k}"))
        if fault:
            found.append((k, what, fault))
    return found


def main(argv: list[str]) -> None:
    """Prints a line for each target and the kinds of its faults."""
    tries = int(argv[0]) if argv else 300
    total = 0
    for name in argv[1:] or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            found = faults(name, tries, Path(folder))
        total += len(found)
        print(f"{name}: {len(found)} of {tries}, {time.process_time() - started:.1f} s of CPU")
        kinds = collections.Counter(fault[:110] for _, _, fault in found)
        for kind, count in kinds.most_common(12):
            example = next(what for _, what, fault in found if fault.startswith(kind))
            print(f"  {count:4d}  {kind}\n        e.g. {example[:150]!a}")
    print(f"faults: {total}")


if __name__ == "__main__":
    main(sys.argv[1:])
