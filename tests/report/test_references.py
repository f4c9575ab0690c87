"""What a study compares, as references and as BibTeX."""

from rankdet.report.references import bibtex, references
from rankdet.results.schemas.plan import PlanSource

RANKED = {"paper": "Rank & Sort_1", "citation": "Oksuz et al., ICCV 2021"}
SOURCES = [
    PlanSource(name="rs", title="RS Loss", url="https://example.org/a}b", **RANKED),
    PlanSource(name="rs2", title="RS of ours", **RANKED),
    PlanSource(name="old", title="Old", citation="Somebody, in print"),
]


def test_a_paper_is_listed_once_with_all_that_is_from_it():
    assert [names for names, _ in references(SOURCES)] == ["RS Loss, RS of ours", "Old"]


def test_the_bibtex_file_has_balanced_braces_and_no_special_characters():
    text = bibtex(SOURCES)
    assert text.count("@misc{") == 2 and "@misc{rs," in text
    assert text.count("{") == text.count("}")
    assert r"title = {{Rank \& Sort\_1}}" in text
    assert "author = {Oksuz and others}" in text and "year = {2021}" in text
    assert "a%7Db" in text
    assert "year" not in text.partition("@misc{old")[2]
