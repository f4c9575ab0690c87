"""Files that `rankdet evaluate` and `rankdet compare` read."""

import json
import random
from pathlib import Path
from typing import Any

from rankdet.results.layout import MATCHES, METRICS
from tests.evaluation.bad_input import RESULTS, TRUTH
from tests.fuzz.mutations import Broken, broken_bytes, broken_json
from tests.fuzz.outcome import Try, fault_of_command


def annotations(folder: Path) -> Try:
    truth, results = folder / "gt.json", folder / "dt.json"
    results.write_text(json.dumps(RESULTS))

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        broken = broken_json(rng, TRUTH)
        truth.write_bytes(broken.content)
        return broken.what, fault_of_command(["evaluate", str(truth), str(results)])

    return attempt


def detections(folder: Path) -> Try:
    truth, results = folder / "gt.json", folder / "dt.json"
    truth.write_text(json.dumps(TRUTH))

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        broken = broken_json(rng, RESULTS)
        results.write_bytes(broken.content)
        return broken.what, fault_of_command(["evaluate", str(truth), str(results)])

    return attempt


def compared(folder: Path) -> Try:
    """Records and matches that `rankdet compare` reads."""
    truth, results = folder / "gt.json", folder / "dt.json"
    truth.write_text(json.dumps(TRUTH))
    results.write_text(json.dumps(RESULTS))
    for name in ("a", "b"):
        run = folder / name
        run.mkdir()
        outputs = ["--out", str(run / METRICS), "--matches", str(run / MATCHES)]
        if fault := fault_of_command(["evaluate", str(truth), str(results), *outputs]):
            raise RuntimeError(fault)
    files = [folder / "b" / METRICS, folder / "b" / MATCHES]
    kept = [file.read_bytes() for file in files]
    argv = ["compare", str(folder / "a" / METRICS), str(files[0]), "--draws", "20"]

    def attempt(rng: random.Random) -> tuple[str, str | None]:
        if rng.random() < 0.5:
            broken = broken_json(rng, json.loads(kept[0]))
            files[0].write_bytes(broken.content)
        elif rng.random() < 0.5:
            broken = broken_bytes(rng, kept[1])
            files[1].write_bytes(broken.content)
        else:
            broken = _broken_matches(rng, files[1])
        fault = fault_of_command(argv, broken.never)
        for file, content in zip(files, kept, strict=True):
            file.write_bytes(content)
        return broken.what, fault

    return attempt


def _broken_matches(rng: random.Random, path: Path) -> Broken:
    """Writes matches with another column or broken metadata, as a whole Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    meta = dict(table.schema.metadata or {})
    if rng.random() < 0.5:
        broken = broken_json(rng, json.loads(meta[b"rankdet"]))
        table, what = (
            table.replace_schema_metadata({**meta, b"rankdet": broken.content}),
            broken.what,
        )
    else:
        name = rng.choice(table.column_names)
        at = table.column_names.index(name)
        kind = rng.choice(("drop", "text", "null", "nan", "huge", "negative", "twice"))
        what = f"column {name}: {kind}"
        values: dict[str, Any] = {"text": "x", "null": None, "nan": float("nan")}
        values |= {"huge": 2**62, "negative": -1}
        if kind == "drop":
            table = table.remove_column(at)
        elif kind == "twice":
            table = pa.concat_tables([table, table])
        else:
            column = pa.array([values[kind]] * len(table))
            table = table.set_column(at, name, column)
    pq.write_table(table, path)
    return Broken(b"", what)
