"""Compares the metrics of two folders of results: has a change of the code changed a number?

    snakemake --cores 2 --configfile config/ci.yaml     # in a clone of each of the two commits
    python -m tests.bench.same_numbers BEFORE/results/ci AFTER/results/ci

Every `metrics.json` of the first folder is compared with its counterpart, to the last digit. Times
and provenance are left out. A key that only the second folder has is a new metric.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEFT_OUT = {"provenance", "training", "schema"}
RENAMED = {"form": "preset"}  # keys that got another name


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Yields a line for each value that is missing or different in the second record."""
    if isinstance(before, dict) and isinstance(after, dict):
        for old, value in before.items():
            key = old if old in after else RENAMED.get(old, old)
            if key in LEFT_OUT:
                continue
            if key not in after:
                yield f"{place}/{key}: missing"
            else:
                yield from differences(value, after[key], f"{place}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{place}[{index}]")
    elif before != after:
        yield f"{place}: {before!r} became {after!r}"


def compare(before: Path, after: Path) -> tuple[int, list[str]]:
    """Returns how many records were compared, and all differences."""
    found: list[str] = []
    paths = sorted(before.rglob("metrics.json"))
    for path in paths:
        name = path.relative_to(before)
        other = after / name
        if not other.is_file():
            found.append(f"{name}: missing")
            continue
        records = (json.loads(one.read_text(encoding="utf-8")) for one in (path, other))
        found += list(differences(*records, str(name)))
    return len(paths), found


def main(arguments: list[str] | None = None) -> int:
    """Prints every difference; gives 1 if there is one, or nothing to compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    args = parser.parse_args(arguments)
    count, found = compare(args.before, args.after)
    print("\n".join(found))
    print(f"{count} records compared, {len(found)} differences")
    return int(bool(found) or not count)


if __name__ == "__main__":
    sys.exit(main())
