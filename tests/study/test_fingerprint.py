"""What a run depends on: followed through names and imports, comments left out."""

import textwrap

import pytest

from rankdet.errors import InputError
from rankdet.study import cards
from rankdet.study.fingerprint import hashes as hashing
from rankdet.study.fingerprint.source import Tree

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
    "rankdet/detectors/head.py": """
        import rankdet.losses as losses

        def build(name):
            return losses.Criterion(getattr(losses, name))
    """,
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
        CARD = {"name": "own", "title": "Own", "classification": {"type": "Own"}}

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
def hashes(root):
    """Returns a function from the tree as it stands to all hashing."""

    def compute():
        hashing.step_hash.cache_clear()
        hashing.our_tree.cache_clear()
        loss = {
            name: hashing.loss_hash(cards.load_loss(name, root / "losses"), "", root)
            for name in ("mine", "own")
        }
        mine = cards.load_loss("mine", root / "losses")
        return {
            **loss,
            "mine+v": hashing.loss_hash(mine, "v", root),
            "code": hashing.step_hash("train", root),
        }

    yield compute
    hashing.step_hash.cache_clear()
    hashing.our_tree.cache_clear()


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("rankdet/losses/second.py", "-x", "+x", set()),
        ("rankdet/losses/shared.py", "return x\n", "return 2 * x\n", set()),
        ("rankdet/losses/shared.py", "SCALE = 2", "SCALE = 3", {"mine", "mine+v"}),
        ("rankdet/losses/first.py", "return 0", "return 1", {"mine", "mine+v"}),
        ("rankdet/losses/first.py", "def first", "# why\ndef first", set()),
        ("rankdet/losses/first.py", "return helper(x)", "return helper( x )", set()),
        ("rankdet/losses/second.py", "def second(x):", 'def second(x):\n    """Doc."""', set()),
        ("rankdet/losses/both.py", "return first(x)", "return first(-x)", {"mine", "mine+v"}),
        ("rankdet/losses/criterion.py", "pass", "x = 1", {"code"}),
        (
            "rankdet/training/parts.py",
            "def used():\n    pass",
            "def used():\n    return 1",
            {"code"},
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


def test_parts_for_two_stage_detectors_count_but_how_they_are_tested_does_not(root, hashes):
    def changed(name, old, new):
        before = hashes()
        edit(root, name, old, new)
        after = hashes()
        return {key for key in before if before[key] != after[key]}

    both = {"mine", "mine+v"}
    part = '"rcnn": {"classification": {"type": "Second"}'
    assert changed("losses/mine.py", '"title": "Mine"', f'"title": "Mine", {part}}}') == both
    assert changed("rankdet/losses/second.py", "-x", "+x") == both
    tested = f'{part}, "test": {{"score_threshold": 0.4}}'
    assert changed("losses/mine.py", part, tested) == set()
    edit(root, "losses/mine.py", "Second", "Secnod")
    with pytest.raises(InputError, match="found 'Secnod'"):
        hashes()


def test_a_docstring_is_no_code(root):
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


def test_a_missing_part_of_the_installation_is_said(tmp_path):
    hashing.step_hash.cache_clear()
    with pytest.raises(InputError, match="the installation is not whole"):
        hashing.step_hash("train", tmp_path)


def test_alrp_does_not_depend_on_the_other_losses():
    tree = Tree()
    reached = tree.reach(tree.find("rankdet.losses", "ALRPLoss"))
    names = {path.name for path, _ in reached}
    assert {"alrp.py", "ranks.py"} <= names
    assert "ap.py" not in names


def test_a_written_report_is_no_part_of_the_reports_code(tmp_path):
    (tmp_path / "example" / "runs").mkdir(parents=True)
    (tmp_path / "example" / "index.html").touch()
    (tmp_path / "example" / "runs" / "seed1.html").touch()
    (tmp_path / "style.css").touch()
    assert hashing._files(tmp_path) == [tmp_path / "style.css"]
