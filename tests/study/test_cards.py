"""Loss cards: read without running the file, merged with their variants."""

import ast

import pytest

from rankdet.errors import InputError
from rankdet.repository import LOSSES
from rankdet.study import cards
from rankdet.study.code.syntax import parse
from rankdet.study.config.card import Card
from rankdet.suggest import merged_by_type

CARD = """{
    "name": "mine", "title": "Mine", "classification": {"type": "APLoss", "delta": 1.0},
    "box": {"type": "giou", "weight": 2.0}, "balance": {"type": "none"},
    "variants": {
        "l1": {"title": "L1", "box": {"type": "l1"}},
        "hard": {"title": "hard", "classification": {"delta": 0.0}, "box": {"weight": 3.0}},
    },
}"""


@pytest.fixture()
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(f'"""Mine."""\n\nCARD = {CARD}\n')
    return tmp_path


def fault(folder, text):
    (folder / "mine.py").write_text(text)
    with pytest.raises(InputError) as caught:
        cards.load_loss("mine", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_variants_are_merged_in_the_order_written(folder):
    loss = cards.load_loss("mine", folder)
    assert loss.variant("")["box"] == {"type": "giou", "weight": 2.0}
    assert loss.variant("l1")["box"] == {"type": "l1"}  # another type: nothing of the old one
    assert loss.variant("l1+hard")["box"] == {"type": "l1", "weight": 3.0}
    assert loss.variant("hard+l1")["box"] == {"type": "l1"}
    assert loss.variant("hard")["classification"] == {"type": "APLoss", "delta": 0.0}
    assert "variants" not in loss.variant("hard")
    assert loss.title("l1+hard") == "Mine, L1, hard"


def test_merging_shares_nothing():
    base = {"a": {"b": [1]}}
    result = merged_by_type(base, {"a": {"c": 2}})
    result["a"]["b"].append(2)
    assert base == {"a": {"b": [1]}}


def test_unknown_names_list_the_known_ones(folder):
    with pytest.raises(InputError, match="unknown loss 'mien'; did you mean 'mine'"):
        cards.load_loss("mien", folder)
    with pytest.raises(InputError, match=r"no variant 'l1x'; did you mean 'l1'.*l1, hard"):
        cards.load_loss("mine", folder).variant("l1x")
    with pytest.raises(InputError, match="named twice"):
        cards.load_loss("mine", folder).variant("l1+l1")


def test_the_file_is_not_run(folder):
    (folder / "mine.py").write_text(f"import torch\n\nCARD = {CARD}\n\n1 / 0\n")
    assert cards.load_loss("mine", folder).card["title"] == "Mine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"CARD = {CARD}\n\ndef broken(:\n", "mine.py:10: syntax error"),
        ("x = 1\n", "mine.py: no CARD; copy one from"),
        ('CARD = {\n    "name": "mine",\n    "title": str(3),\n}\n', "mine.py:3: CARD must be lit"),
        (
            f"CARD = {CARD}".replace('"title": "Mine"', '"titel": "Mine"'),
            "mine.py:2: CARD titel: unknown key; did you mean 'title'?",
        ),
        (
            f"CARD = {CARD}".replace('"mine"', '"other"'),
            "CARD name: found 'other', but the file is mine.py",
        ),
        ('CARD = {"name": "mine", "title": "Mine"}', "classification.type: missing"),
    ],
)
def test_faults_name_file_and_line(folder, text, told):
    assert told in fault(folder, text)


@pytest.mark.parametrize("name", [*cards.loss_names(), "_template"])
def test_shipped_cards(name):
    path = LOSSES / f"{name}.py"
    literal = ast.literal_eval(cards.find_card(path))
    card = Card.model_validate(literal)
    assert ast.get_docstring(parse(path))
    assert card.citation or name == "_template"  # users write theirs
    assert card.training.lr.small
    assert card.training.lr.full


@pytest.mark.parametrize("name", [*cards.loss_names(), "_template"])
def test_parts_of_shipped_cards_can_be_built_with_every_variant(name):
    losses = pytest.importorskip("rankdet.losses")
    card = ast.literal_eval(cards.find_card(LOSSES / f"{name}.py"))
    loss = cards.LossFile(LOSSES / f"{name}.py", card)
    for variant in ("", *card["variants"]):
        merged_card = loss.variant(variant)
        assert callable(losses.build_box(merged_card["box"]))
        assert callable(losses.build_balance(merged_card["balance"]))
        if hasattr(losses, merged_card["classification"]["type"]):
            options = dict(merged_card["classification"])
            assert callable(getattr(losses, options.pop("type"))(**options))


def test_table_2_needs_these():
    for name, variant in (("ap", ""), ("alrp", "iou+no-sb"), ("alrp", "iou"), ("alrp", "")):
        cards.load_loss(name).variant(variant)
    alrp = cards.load_loss("alrp").variant("iou+no-sb")
    assert alrp["box"]["type"] == "iou"
    assert alrp["balance"]["type"] == "none"
