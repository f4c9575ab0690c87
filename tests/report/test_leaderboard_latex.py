"""The leaderboard as LaTeX, and what LaTeX says about it and about the tables of papers."""

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rankdet.report.leaderboard_latex import leaderboard_latex
from rankdet.results.leaderboard import BASELINE, columns, leaderboard
from rankdet.results.records import read_study
from rankdet.results.seed_groups import seed_groups
from tests.report.fake_study import make_study


def test_rows_have_means_intervals_and_bold(tmp_path) -> None:
    groups = seed_groups(leaderboard(read_study(make_study(tmp_path))))
    two = next(g for g in groups if g.key == "shapes/retinanet/alrp")
    object.__setattr__(two, "best", frozenset({"AP"}))
    text = leaderboard_latex(groups, "a study", "50 % & more_", "Small scale: 5 % of it.")
    tables = text.split(r"\begin{table*}")[1:]
    rows = [line for line in tables[0].splitlines() if line.endswith(r"\\")]
    mean, half = two.means["AP"]
    (row,) = [r for r in rows if r.startswith("RetinaNet & aLRP Loss & 2 &")]
    assert rf"\textbf{{{mean:.1f} $\pm$ {half:.1f}}}" in row
    assert len({row.count(" & ") for row in rows}) == 1 and len(rows) == 1 + len(groups)
    assert r"50 \% \& more\_: Shapes" in text and text.count(r"\toprule") == len(tables)
    captions = re.findall(r"\\caption{(.*)}", text)
    assert all(r"Small scale: 5 \% of it. Mean $\pm$" in one for one in captions)
    bold = ["Bold: cannot be distinguished" in one for one in captions]
    assert bold == [r"\textbf" in one for one in tables] and True in bold and False in bold
    assert "Welch's test with Holm's correction" in captions[0]
    assert r"AP $\uparrow$" in rows[0] and r"oLRP $\downarrow$" in text
    assert "<img" not in text and r"\textless{}img" in text
    single = next(r for r in rows if "& AP Loss & 1 &" in r)
    assert r"$\pm$" not in single and "nan" not in text.lower().replace("retinanet", "")


def test_a_study_without_runs_is_an_empty_text() -> None:
    assert leaderboard_latex([], "s", "t").splitlines() == [
        "% needs booktabs, amssymb and graphicx"
    ]


def test_tables_are_narrow_labelled_and_complete(seeds_plan: Path) -> None:
    entries = leaderboard(read_study(seeds_plan))
    groups = seed_groups(entries)
    text = leaderboard_latex(groups, "my study", "t")
    layouts = re.findall(r"begin{tabular}{@{}(l+r+)@{}}", text)
    assert len(layouts) > 2 and all(len(one) <= 2 + 4 for one in layouts)  # loss, seeds, metrics
    assert text.count("Detector: RetinaNet.") == len(layouts)
    labels = re.findall(r"\\label{(.*)}", text)
    assert labels[0] == "tab:my-study-shapes-val-AP"
    assert len(set(labels)) == len(layouts) == len(labels)
    assert all(re.fullmatch(r"tab:[A-Za-z0-9.-]+", one) for one in labels)
    heads = " ".join(line for line in text.splitlines() if line.startswith("Loss & Seeds"))
    shown = [m for m in columns(entries) if m is not BASELINE]
    known = {m.header for m in shown if any(g.means[m.key][0] is not None for g in groups)}
    assert len(known) > 10
    assert known == {h for h in known if re.search(rf"& {re.escape(h)} \$", heads)}


def test_a_table_of_a_paper_has_a_label_for_each_dataset(seeds: Path) -> None:
    text = (seeds / "tables" / "alrp" / "table2" / "table.tex").read_text()
    assert re.findall(r"\\label{(.*)}", text) == ["tab:alrp-table2-shapes"]


def test_latex_takes_all_tables(seeds: Path, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex here (Debian: apt-get install texlive-latex-recommended)")
    files = [seeds / "leaderboard-seeds.tex", *sorted((seeds / "tables").rglob("*.tex"))]
    assert len(files) > 2
    for file, options in itertools.product(files, ("", "[twocolumn]")):
        text = "\n".join(
            [
                rf"\documentclass{options}{{article}}",
                r"\usepackage{booktabs,amssymb,graphicx}",
                r"\begin{document}",
                file.read_text(encoding="utf-8"),
                r"\end{document}",
            ]
        )
        (tmp_path / "t.tex").write_text(text, encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
        log = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, f"{file}: {log[-600:]}"
        assert "tab:" in (tmp_path / "t.aux").read_text()
        assert "Overfull" not in log, f"{file} is wider than the text of article{options}"
