"""The leaderboard as LaTeX."""

from rankdet.report.leaderboard_latex import leaderboard_latex
from rankdet.results.leaderboard import leaderboard
from rankdet.results.records import read_study
from rankdet.results.seed_groups import seed_groups
from tests.report.fake_study import make_study


def test_rows_have_means_intervals_and_bold(tmp_path) -> None:
    groups = seed_groups(leaderboard(read_study(make_study(tmp_path))))
    two = next(g for g in groups if g.key == "shapes/retinanet/alrp")
    object.__setattr__(two, "best", frozenset({"AP"}))
    text = leaderboard_latex(groups, "50 % & more_")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    mean, half = two.means["AP"]
    (row,) = [r for r in rows if r.startswith("RetinaNet & aLRP Loss & 2 &")]
    assert rf"\textbf{{{mean:.1f} $\pm$ {half:.1f}}}" in row
    assert len({row.count(" & ") for row in rows}) == 1 and len(rows) == 1 + len(groups)
    assert r"50 \% \& more\_: Shapes" in text and text.count(r"\toprule") == 1
    assert r"AP $\uparrow$" in rows[0] and r"oLRP $\downarrow$" in rows[0]
    assert "<img" not in text and r"\textless{}img" in text
    single = next(r for r in rows if "& AP Loss & 1 &" in r)
    assert r"$\pm$" not in single and "nan" not in text.lower().replace("retinanet", "")


def test_a_study_without_runs_is_an_empty_text() -> None:
    assert leaderboard_latex([], "t").splitlines() == [
        "% needs booktabs, and amssymb for some letters"
    ]
