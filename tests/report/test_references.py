"""What a study compares, as references and as BibTeX."""

from rankdet.papers.folders import load_papers
from rankdet.report.references import bibtex, references
from rankdet.results.schemas.plan import PlanSource
from rankdet.study.cards import load_loss, loss_names

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
    assert "@inproceedings{rs," in text and "@misc{old," in text and text.count("@") == 2
    assert "booktitle = {ICCV}" in text and "howpublished = {in print}" in text
    assert text.count("{") == text.count("}")
    assert r"title = {{Rank \& Sort\_1}}" in text
    assert "author = {Oksuz and others}" in text and "year = {2021}" in text
    assert "a%7Db" in text
    assert "year" not in text.partition("@misc{old")[2]


def test_an_entry_has_all_authors_and_its_kind():
    paper = {"paper": "P", "authors": "A. Dollár, B. Sünder", "url": "https://example.org"}
    text = bibtex([PlanSource(name="x", citation="Dollár et al., TPAMI 2020", **paper)])
    assert "@article{x," in text and "journal = {TPAMI}" in text and "others" not in text
    assert r"author = {A. Doll\'ar and B. S\"under}" in text
    text = bibtex([PlanSource(name="x", citation="D et al., NeurIPS 2020, appendix D", **paper)])
    assert "booktitle = {NeurIPS}" in text and "note = {appendix D}" in text


def test_titles_and_authors_of_losses_are_those_of_the_papers_folders():
    papers = {paper.title: paper.authors for paper in load_papers().values()}
    cards = [load_loss(name).card for name in loss_names()]
    known = [card for card in cards if card["paper"] in papers]
    assert {"alrp", "rs", "ape"} <= {card["name"] for card in known}
    assert all(card["authors"] == papers[card["paper"]] for card in known)
    links = {card["url"]: card["paper"] for card in cards}
    assert all(links[card["url"]] == card["paper"] for card in cards)  # a paper has one title
