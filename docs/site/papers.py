"""One page for each paper: its tables and figures, its claims, and everything that does not fit."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

FOLDER = "analysis/papers"


def paper_pages(root: Path) -> dict[str, str]:
    """Returns the text of each page by its place in the site, ordered by the papers' years."""
    deviations = _read(root / "analysis/settings/deviations.yaml")
    papers = {path.parent.name: _read(path) for path in root.glob(f"{FOLDER}/*/paper.yaml")}
    ordered = sorted(papers, key=lambda name: (papers[name].get("year", 0), name))
    return {
        f"papers/{name}.md": _page(root / FOLDER / name, papers[name], deviations)
        for name in ordered
    }


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _page(folder: Path, paper: dict[str, Any], deviations: list[dict[str, Any]]) -> str:
    specs = {
        path.stem: _read(path) for path in sorted(folder.glob("*.yaml")) if path.stem != "paper"
    }
    about = ", ".join(str(paper[key]) for key in ("authors", "venue") if paper.get(key))
    parts = [f"# {paper['short']}", f"**{paper['title']}**", f"{about}."]
    parts.append(
        "A study makes the tables and figures that it lists under `tables` and `figures`, such as "
        f"`{folder.name}/{next(iter(specs))}`."
    )
    parts += _settings(folder.name, specs, deviations)
    parts.append("## Tables and figures")
    for name, spec in specs.items():
        parts += _table(folder, name, spec)
    return "\n\n".join(parts) + "\n"


def _settings(paper: str, specs: dict[str, Any], deviations: list[dict[str, Any]]) -> list[str]:
    """Where our trainings differ on purpose from the released configurations."""
    lines = []
    for entry in deviations:
        pattern = entry["tables"]
        if pattern != "*" and not any(fnmatchcase(f"{paper}/{name}", pattern) for name in specs):
            continue
        rows = "all rows" if entry["rows"] == "*" else entry["rows"]
        place = "all tables" if pattern == "*" else pattern
        lines.append(f"| {place} | {rows} | {', '.join(entry['settings'])} | {entry['reason']} |")
    if not lines or not (Path(__file__).parents[2] / f"analysis/settings/{paper}.csv").is_file():
        return []
    return [
        "## Differences to the released code",
        "All other settings that the released code names are equal; a test compares them.",
        "| table | rows | settings | reason |\n|---|---|---|---|\n" + "\n".join(lines),
    ]


def _table(folder: Path, name: str, spec: dict[str, Any]) -> list[str]:
    parts = [f"### {spec.get('title', name)}", f"`{folder.name}/{name}`"]
    if spec.get("caption"):
        parts.append(spec["caption"])
    text = folder / f"{name}.md"
    if text.is_file():  # where the values come from, and what the paper claims
        _, _, body = text.read_text(encoding="utf-8").partition("\n")
        parts.append(_lists(body.strip()))
    if spec.get("notes"):
        parts.append("**What differs, and how we read it**")
        parts.append("\n".join(f"- {' '.join(note.split())}" for note in spec["notes"]))
    return parts


def _lists(text: str) -> str:
    """Puts an empty line before each list, which MkDocs needs, and makes headings bold lines."""
    lines: list[str] = []
    for line in text.splitlines():
        starts = line.startswith(("- ", "| ")) and lines and lines[-1].strip()
        if starts and not lines[-1].startswith(("- ", "  ", "| ")):
            lines.append("")
        lines.append(f"**{line.lstrip('# ')}**" if line.startswith("#") else line)
    return "\n".join(lines)
