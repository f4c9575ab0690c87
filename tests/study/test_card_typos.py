"""A typo in any part of a loss card is one line with file, line, key and a hint when planning."""

import pytest

from rankdet.errors import InputError
from rankdet.repository import LOSSES
from rankdet.study import cards

# Every part, one to a line: line 3 is the first, and line 20 the first of the variant.
PARTS = """
    "classification": {"type": "ALRPLoss", "delta": 1.0},
    "box": {"type": "giou", "weighting": "score", "weight": 2.0},
    "balance": {"type": "self-epoch", "initial": 50},
    "head": {"centerness": False, "bbox_coder": {"type": "DeltaXYWHBBoxCoder", "target_stds": [1, 1, 2, 2]}},
    "rpn": {"weight": 0.2, "sampler": "random", "balance": {"type": "constant", "weight": 1.0}},
    "rcnn": {"box": {"type": "stock"}, "test": {"score_threshold": 0.4}},
    "mask": {"type": "dice", "balance": {"type": "self-iteration"}},
    "training": {"lr": {"small": 0.01}, "lr_by_detector": {"atss": {"full": 0.02}}},
    "test": {"score_threshold": 0.05, "nms_iou": 0.5},
    "not_with": {"solov2": "why"},
    "collapse_above": 0.97,
"""  # noqa: E501  (a part is one line)
CARD = f"""CARD = {{
    "name": "mine", "title": "Mine",{PARTS}    "variants": {{
        "other": {{
            "title": "Other",
            {PARTS.strip()}
        }},
    }},
}}
"""
# old text, new text, the key, what is told; each tried in the card and in its variant
TYPOS = [
    ('"ALRPLoss"', '"ALRPLos"', "classification.type", "found 'ALRPLos'; did you mean 'ALRPLoss'?"),
    ('"delta"', '"dleta"', "classification.dleta", "unknown key; did you mean 'delta'?"),
    ('"delta": 1.0', '"delta": "1"', "classification.delta", "found '1'; give a number"),
    ('"giou"', '"gio"', "box.type", "found 'gio'; did you mean 'giou'?"),
    ('"weighting": "score"', '"weighting": "scor"', "box.weighting", "found 'scor'; did you mean"),
    ('"weighting"', '"weighing"', "box.weighing", "unknown key; did you mean 'weighting'?"),
    ('"self-epoch"', '"self-epcoh"', "balance.type", "found 'self-epcoh'; did you mean 'self-ep"),
    ('"initial"', '"inital"', "balance.inital", "unknown key; did you mean 'initial'?"),
    ('"centerness"', '"centernes"', "head.centernes", "unknown key; did you mean 'centerness'?"),
    ('"target_stds"', '"target_std"', "head.bbox_coder.target_std", "unknown key; did you mean"),
    ('"sampler"', '"smapler"', "rpn.smapler", "unknown key; did you mean 'sampler'?"),
    ('"random"', '"randm"', "rpn.sampler", "found 'randm'; did you mean 'random'?"),
    ('"constant"', '"constnt"', "rpn.balance.type", "found 'constnt'; did you mean 'constant'?"),
    ('"stock"', '"stok"', "rcnn.box.type", "found 'stok'; did you mean 'stock'?"),
    (
        '"score_threshold": 0.4',
        '"score_treshold": 0.4',
        "rcnn.test.score_treshold",
        "unknown key; did you mean",
    ),
    ('"dice"', '"dise"', "mask.type", "found 'dise'; did you mean 'dice'?"),
    ('"self-iteration"', '"iteration"', "mask.balance.type", "found 'iteration'; did you mean"),
    ('"lr":', '"lrs":', "training.lrs", "unknown key; did you mean 'lr'?"),
    ('"small"', '"smal"', "training.lr.smal", "unknown key; did you mean 'small'?"),
    ('"atss"', '"ats"', "training.lr_by_detector.ats", "unknown; did you mean 'atss'?"),
    ('"nms_iou"', '"nms_uoi"', "test.nms_uoi", "unknown key; did you mean 'nms_iou'?"),
    ('"solov2"', '"solo2"', "not_with.solo2", "unknown; did you mean 'solov2'?"),
    ('"rpn"', '"rpm"', "rpm", "unknown key; did you mean 'rpn'?"),
    ("0.05", "'0.05'", "test.score_threshold", "found '0.05'; it should be a valid number"),
    ("0.01", "'0.01'", "training.lr.small", "found '0.01'; it should be a valid number"),
    ("False", "'False'", "head.centerness", "found 'False'; it should be a valid boolean"),
    ("0.97", "'0.97'", "collapse_above", "found '0.97'; it should be a valid number"),
    ("0.97", "-1", "collapse_above", "found -1; it should be greater than 0"),
]


def load(folder, text):
    (folder / "mine.py").write_text(text)
    return cards.load_loss("mine", folder)


def test_the_card_without_typos_is_right(tmp_path):
    loss = load(tmp_path, CARD)
    assert loss.variant("other")["mask"]["type"] == "dice"


@pytest.mark.parametrize("where", ["card", "variant"])
@pytest.mark.parametrize(("old", "new", "key", "told"), TYPOS)
def test_a_typo_is_one_line(tmp_path, old, new, key, told, where):
    base, mark, variant = CARD.partition('    "variants"')
    text = base + mark + variant.replace(old, new, 1)
    if where == "card":
        text = base.replace(old, new, 1) + mark + variant
    assert text != CARD
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row not in CARD.splitlines())
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    place = key if where == "card" else f"variants.other.{key}"
    assert f"mine.py:{line}: CARD {place}: {told}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arguments_of_a_class_in_the_loss_file_are_known(tmp_path):
    own = """
class Mine:
    def __init__(self, gamma: float = 1.0, *, labels: str = "iou") -> None:
        pass

class Child(Mine):
    pass

class Anything:
    def __init__(self, **options):
        pass
"""
    card = 'CARD = {{"name": "mine", "title": "M", "classification": {{"type": "{}", "{}": {}}}}}\n'
    for kind, name, value in (("Child", "gamma", 2), ("Anything", "whatever", 2)):
        assert load(tmp_path, card.format(kind, name, value) + own)
    with pytest.raises(InputError, match=r"classification.gama: unknown key; did you mean 'gamma'"):
        load(tmp_path, card.format("Child", "gama", 2) + own)
    with pytest.raises(InputError, match=r"classification.labels: found 2; give a text"):
        load(tmp_path, card.format("Mine", "labels", 2) + own)


def test_variants_that_do_not_fit_together_are_told():
    alrp = cards.load_loss("alrp")
    assert alrp.variant("w1")["balance"] == {"type": "constant", "weight": 1.0}
    with pytest.raises(InputError, match=r"'alrp\+w1\+init1'.*balance.initial: unknown key"):
        alrp.variant("w1+init1")


def test_a_key_that_is_given_twice_is_an_error(tmp_path):
    """Python takes the last one without a warning."""
    text = CARD.replace(
        '    "test": {"score', '    "box": {"type": "iou"},\n    "test": {"score', 1
    )
    line = next(n for n, row in enumerate(text.splitlines(), 1) if '"type": "iou"' in row)
    with pytest.raises(InputError, match=rf"mine.py:{line}: CARD key 'box' is given twice, first"):
        load(tmp_path, text)
    nested = CARD.replace('"nms_iou": 0.5', '"nms_iou": 0.5, "nms_iou": 0.6', 1)
    with pytest.raises(InputError, match="CARD key 'nms_iou' is given twice"):
        load(tmp_path, nested)


OWN = """
class Mine:
    def __init__(self, gamma: float = 1.0, *, max_negatives: int = 3) -> None:
        pass

class Needs(Mine):
    def __init__(self, gamma, margin, *, scale):
        pass
"""


def own_card(kind, more):
    return (
        f'CARD = {{"name": "mine", "title": "M", "classification": {{"type": "{kind}"{more}}}}}\n'
    )


def test_a_slip_in_hyperparameters_is_one_line(tmp_path):
    card = own_card("Mine", '}, "hyperparameters": {}, "test": {"nms_iou": .5')
    for names in (["gamma", "max negatives", "box weight"], ["of the data"]):
        assert load(tmp_path, card.replace("{}", str(names)) + OWN)
    for name, right in (("gama", "gamma"), ("box wieght", "box weight")):
        with pytest.raises(InputError, match=rf"hyperparameters\[0\].*{name}.*mean '{right}'"):
            load(tmp_path, card.replace("{}", str([name])) + OWN)


def test_an_argument_without_default_must_be_in_the_card(tmp_path):
    assert load(tmp_path, own_card("Needs", ', "gamma": 1, "margin": 2, "scale": 3') + OWN)
    for more, missing in (
        (', "gamma": 1, "scale": 2', "margin"),
        (', "gamma": 1, "margin": 2', "scale"),
    ):
        with pytest.raises(InputError, match=f"classification: '{missing}' is missing: Needs has"):
            load(tmp_path, own_card("Needs", more) + OWN)


def test_own_classes_are_suggested_also_imported_ones(tmp_path):
    (tmp_path / "beside.py").write_text("class SoftRank:\n    pass\n")
    text = "from beside import SoftRank\n" + own_card("SoftRnak", "") + OWN
    with pytest.raises(
        InputError, match=r"did you mean 'SoftRank'\? known: Mine, Needs, SoftRank, A"
    ):
        load(tmp_path, text)


def test_a_type_that_is_no_text_is_one_line(tmp_path):
    text = (LOSSES / "focal.py").read_text()
    wrong = text.replace('"type": "SigmoidFocalLoss", ', '"type": {"a": 1}, ')
    assert wrong != text
    (tmp_path / "focal.py").write_text(wrong)
    with pytest.raises(InputError, match=r"CARD classification.*found \{'a': 1\}"):
        cards.load_loss("focal", tmp_path)
