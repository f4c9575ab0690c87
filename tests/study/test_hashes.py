"""The hashes of a run's code follow names and imports, and do not include comments."""

import itertools
import shutil
import textwrap

import pytest

from rankdet.errors import InputError
from rankdet.study import cards
from rankdet.study import hashes as hashing
from rankdet.study.code.tree import Tree

RETINANET = {"family": "dense-anchor", "head": "RetinaHead"}
TWO_STAGE = {"family": "two-stage"}
MINE = {"mine", "mine+v", "mine, two stages"}
CODE = {"retinanet", "two stages"}

FILES = {
    "rankdet/__init__.py": '__version__ = "1"\n',
    "rankdet/losses/__init__.py": """
        from rankdet.losses.both import First, Second
        from rankdet.losses.criterion import Criterion
    """,
    "rankdet/losses/both.py": """
        from rankdet.losses.first import first
        from rankdet.losses.second import second

        class First:
            def forward(self, x):
                return first(x)

        class Second:
            def forward(self, x):
                return second(x)
    """,
    "rankdet/losses/first.py": """
        from rankdet.losses.shared import helper

        def first(x):
            return helper(x)

        @first.register
        def _(x):
            return 0
    """,
    "rankdet/losses/second.py": "def second(x):\n    return -x\n",
    "rankdet/losses/shared.py": """
        SCALE = 2

        def helper(x):
            return x * SCALE

        def unused(x):
            return x
    """,
    "rankdet/losses/criterion.py": "class Criterion:\n    pass\n",
    "rankdet/detectors/baselines.py": "class FocalLoss:\n    pass\n",
    "rankdet/losses/box_errors.py": """
        class IoU:
            pass

        class L1:
            pass

        BOX_ERRORS = {"iou": IoU, "l1": L1}
    """,
    "rankdet/losses/balance.py": """
        class Balance:
            pass

        class Epoch(Balance):
            def end(self):
                return 1

        BALANCES = {"none": Balance, "epoch": Epoch}

        def build_balance(name):
            return BALANCES[name]
    """,
    "rankdet/detectors/ops/nms.py": "def nms(x):\n    return x\n",
    "rankdet/detectors/criterion_head.py": """
        import rankdet.losses as losses
        from rankdet.losses.balance import build_balance

        class CriterionHead:
            def __init__(self, name):
                self.criterion = losses.Criterion(getattr(losses, name), build_balance(name))
    """,
    "rankdet/detectors/dense_anchor.py": """
        from rankdet.detectors.criterion_head import CriterionHead

        def configure(model):
            return model

        class RetinaHead(CriterionHead):
            def loss(self):
                return 2

        class AtssHead(CriterionHead):
            def loss(self):
                return 3
    """,
    "rankdet/detectors/two_stage.py": """
        from rankdet.detectors import rcnn

        def configure(model):
            return rcnn.BoxHead
    """,
    "rankdet/detectors/rcnn.py": "class BoxHead:\n    def loss(self):\n        return 4\n",
    "rankdet/training/run.py": """
        def train():
            from rankdet.training import parts

            return parts.used()
    """,
    "rankdet/training/parts.py": "def used():\n    pass\n\ndef other():\n    pass\n",
    "losses/mine.py": """
        CARD = {"name": "mine", "title": "Mine", "classification": {"type": "First"},
                "variants": {"v": {"title": "V", "box": {"type": "l1"}}}}
    """,
    "losses/own.py": """
        CARD = {"name": "own", "title": "Own", "classification": {"type": "Own"},
                "balance": {"type": "epoch"}}

        class Own:
            def forward(self, x):
                return x
    """,
}


@pytest.fixture()
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


def edit(root, name, old, new):
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture()
def snapshot(root, tmp_path_factory):
    """Returns a function that copies the tree: a process reads each root once."""
    folder = tmp_path_factory.mktemp("snapshots")
    numbers = itertools.count()
    return lambda: shutil.copytree(root, folder / str(next(numbers)))


@pytest.fixture()
def hashes(snapshot):
    """Returns a function that computes all hashes of the tree as it is now."""

    def loss(root, name, variant="", detector=RETINANET):
        file = cards.load_loss(name, root / "losses", root)
        return hashing.loss_hash(file, file.variant(variant), detector)

    def compute():
        root = snapshot()
        return {
            "mine": loss(root, "mine"),
            "own": loss(root, "own"),
            "mine+v": loss(root, "mine", "v"),
            "mine, two stages": loss(root, "mine", detector=TWO_STAGE),
            "retinanet": hashing.model_code_hash("train", RETINANET, root),
            "two stages": hashing.model_code_hash("train", TWO_STAGE, root),
        }

    return compute


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("rankdet/losses/second.py", "-x", "+x", set()),
        ("rankdet/losses/shared.py", "return x\n", "return 2 * x\n", set()),
        ("rankdet/losses/shared.py", "SCALE = 2", "SCALE = 3", MINE),
        ("rankdet/losses/first.py", "return 0", "return 1", MINE),
        ("rankdet/losses/first.py", "def first", "# why\ndef first", set()),
        ("rankdet/losses/first.py", "return helper(x)", "return helper( x )", set()),
        ("rankdet/losses/second.py", "def second(x):", 'def second(x):\n    """Doc."""', set()),
        ("rankdet/losses/both.py", "return first(x)", "return first(-x)", MINE),
        ("rankdet/losses/criterion.py", "pass", "x = 1", {"retinanet"}),
        ("rankdet/losses/balance.py", "return 1", "return 2", {"own"}),
        ("rankdet/losses/balance.py", "return BALANCES[name]", "return None", {"retinanet"}),
        ("rankdet/losses/balance.py", '"none": Balance, ', "", MINE),
        ("rankdet/detectors/dense_anchor.py", "return 2", "return -2", {"retinanet"}),
        ("rankdet/detectors/dense_anchor.py", "return 3", "return -3", set()),
        ("rankdet/detectors/rcnn.py", "return 4", "return -4", {"two stages"}),
        ("rankdet/detectors/ops/nms.py", "return x", "return -x", CODE),
        (
            "rankdet/training/parts.py",
            "def used():\n    pass",
            "def used():\n    return 1",
            CODE,
        ),
        (
            "rankdet/training/parts.py",
            "def other():\n    pass",
            "def other():\n    return 1",
            set(),
        ),
        ("rankdet/detectors/baselines.py", "pass", "x = 1", set()),
        ("rankdet/__init__.py", '"1"', '"2"', set()),
        ("losses/mine.py", '"title": "Mine"', '"title": "Yours"', set()),
        ("losses/mine.py", '"type": "l1"', '"type": "iou"', {"mine+v"}),
        ("losses/own.py", "return x", "return 2 * x", {"own"}),
    ],
)
def test_an_edit_changes_what_uses_it(root, hashes, name, old, new, changed):
    before = hashes()
    edit(root, name, old, new)
    after = hashes()
    assert {key for key in before if before[key] != after[key]} == changed


def test_parts_for_two_stage_detectors_change_only_their_runs(root, hashes):
    def changed(name, old, new):
        before = hashes()
        edit(root, name, old, new)
        after = hashes()
        return {key for key in before if before[key] != after[key]}

    two_stages = {"mine, two stages"}
    part = '"rcnn": {"classification": {"type": "Second"}'
    assert changed("losses/mine.py", '"title": "Mine"', f'"title": "Mine", {part}}}') == two_stages
    assert changed("rankdet/losses/second.py", "-x", "+x") == two_stages
    tested = f'{part}, "test": {{"score_threshold": 0.4}}'
    assert changed("losses/mine.py", part, tested) == set()
    edit(root, "losses/mine.py", "Second", "Secnod")
    with pytest.raises(InputError, match="found 'Secnod'"):
        hashes()


def test_docstrings_are_not_part_of_the_code(root):
    text = (root / "rankdet/losses/second.py").read_text()
    plain = [Tree(root).source(root / "rankdet/losses/second.py").text(0)]
    documented = text.replace("def second(x):", 'def second(x):\n    """Doc."""')
    (root / "rankdet/losses/second.py").write_text(f'"""Module."""\n{documented}')
    assert [Tree(root).source(root / "rankdet/losses/second.py").text(0)] == plain


def test_a_class_defined_nowhere_is_named_with_file_and_line(root, hashes):
    edit(root, "losses/mine.py", "First", "Frist")
    with pytest.raises(InputError, match=r"mine.py:2: CARD classification.type: found 'Frist'"):
        hashes()


def test_relative_imports_are_followed(root):
    (root / "rankdet/losses/first.py").write_text(
        "from .shared import helper\n\ndef first(x):\n    return helper(x)\n"
    )
    tree = Tree(root)
    reached = tree.reach(tree.find("rankdet.losses", "First"))
    assert {path.name for path, _ in reached} == {"both.py", "first.py", "shared.py"}


def test_a_missing_part_of_the_installation_is_reported(tmp_path):
    with pytest.raises(InputError, match="the installation is incomplete"):
        hashing.step_hash("data", tmp_path)


def test_alrp_does_not_depend_on_the_other_losses():
    tree = Tree()
    reached = tree.reach(tree.find("rankdet.losses", "ALRPLoss"))
    names = {path.name for path, _ in reached}
    assert {"alrp.py", "ranks.py"} <= names
    assert "ap.py" not in names


def test_the_hash_of_the_report_does_not_include_written_reports(root, snapshot):
    for name in ("rankdet/report/build.py", "reports/static/style.css"):
        (root / name).parent.mkdir(parents=True)
        (root / name).touch()
    before = hashing.step_hash("report", snapshot())
    for name in ("example/index.html", "example/runs/seed1.html", "html/smoke/index.html"):
        (root / "reports" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "reports" / name).write_text("written")
    assert hashing.step_hash("report", snapshot()) == before
    (root / "reports/static/style.css").write_text("body {}")
    assert hashing.step_hash("report", snapshot()) != before
