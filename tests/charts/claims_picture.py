"""The first pictures of docs/findings.md: claims by detector, and by data.

python -m tests.charts.claims_picture PLAN.json FOLDER
"""

import sys
from pathlib import Path

from rankdet.papers.findings import with_findings
from rankdet.papers.forest import claims_grid
from rankdet.papers.load import load_spec
from rankdet.papers.table import make_table
from rankdet.repository import PAPERS
from rankdet.results.records import read_study

DETECTORS = {"RetinaNet": "losses", "ATSS": "losses_atss"}


def main(plan: Path, folder: Path) -> None:
    """Writes `claims-losses.svg` and `claims-data.svg` of a run of `config/claims.yaml`."""
    study = read_study(plan)
    specs = {
        name: load_spec(PAPERS / "claims" / f"{file}.yaml") for name, file in DETECTORS.items()
    }
    tables = {name: with_findings(study, make_table(study, spec)) for name, spec in specs.items()}
    first = study.datasets()[0]
    columns = {name: (table, first) for name, table in tables.items()}
    title = f"The papers' claims on {study.dataset_title(first)}"
    (folder / "claims-losses.svg").write_text(claims_grid(columns, title), encoding="utf-8")
    name, table = next(iter(tables.items()))
    columns = {block.title: (table, block.dataset) for block in table.blocks if block.findings}
    title = f"The papers' claims on {name}, by data; each column has its own scale"
    (folder / "claims-data.svg").write_text(claims_grid(columns, title), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
