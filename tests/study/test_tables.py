"""The tables and figures that a config names, and the code that makes each of them."""

import shutil

import pytest

from rankdet.errors import InputError
from rankdet.repository import FIGURES, PAPERS, ROOT
from rankdet.study.hashes import files_hash
from rankdet.study.tables import Target, load_specs, made_of, spec_files


def test_a_paper_is_all_of_its_tables_or_figures():
    tables = load_specs(["ape"], "tables", "s.yaml")
    figures = load_specs(["ape"], "figures", "s.yaml")
    assert set(figures) == {"ape/figure2c", "ape/figure3"}
    assert "ape/table1" in tables and not set(tables) & set(figures)


def test_all_is_what_the_papers_print():
    tables = load_specs(["all"], "tables", "s.yaml")
    assert "alrp/table2" in tables and not any(name.startswith("claims/") for name in tables)
    assert "claims/losses" in load_specs(["claims"], "tables", "s.yaml")
    assert Target.of("claims/figure_rates", "x").name == "figure_claims_rates"
    assert Target.of("claims/rates", "x").name == "table_claims_rates"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alrp/tabel2", r"s.yaml: tables\[0\]: found 'alrp/tabel2'; did you mean 'alrp/table2'"),
        ("alrp/figure4", "alrp/figure4 is not one of the tables; list it in figures"),
    ],
)
def test_names_are_checked(name, message):
    with pytest.raises(InputError, match=message):
        load_specs([name], "tables", "s.yaml")


def test_a_table_is_made_from_its_files():
    folder = "analysis/papers/alrp"
    assert spec_files("alrp/table2") == [f"{folder}/table2.yaml", f"{folder}/table2.csv"]
    others = [f"{folder}/figure1b.csv", f"{folder}/toy_example.py"]
    assert spec_files("alrp/figureA6") == [f"{folder}/figureA6.yaml", *others]


def test_a_figure_is_made_by_its_kind_alone(tmp_path):
    names = ("alrp/figure3", "alrp/figure4", "alrp/figureA6", "alrp/figureA5")
    assert len({made_of("figures", name) for name in names}) == 4
    assert made_of("figures", "alrp/figure4") == made_of("figures", "alrp/figureA7")  # same kind
    assert made_of("tables", "alrp/table2") == made_of("tables", "alrp/table3")
    assert made_of("tables", "alrp/tableA9") != made_of("tables", "alrp/table3")
    for part in ("rankdet", "analysis/figures", "analysis/papers/alrp"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (FIGURES / "components.py", PAPERS / "alrp" / "toy_example.py"):
        copy = tmp_path / file.relative_to(ROOT)
        before = files_hash([copy], tmp_path)
        assert before == files_hash([file])
        text = copy.read_text()
        copy.write_text(f"{text}\n# a comment\n")
        # A new root for each state: a tree is read once.
        again = shutil.copytree(tmp_path, tmp_path.with_name(f"{file.stem}-comment"))
        assert files_hash([again / file.relative_to(ROOT)], again) == before
        copy.write_text(f"{text}\nADDED = 1\n")
        edited = shutil.copytree(tmp_path, tmp_path.with_name(f"{file.stem}-edit"))
        assert files_hash([edited / file.relative_to(ROOT)], edited) != before
