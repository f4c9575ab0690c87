"""Losses and detectors of the user: where they are found, and which modules they may import."""

from pathlib import Path

import pytest

from rankdet.errors import InputError
from rankdet.repository import named_files, use_places
from rankdet.study import cards, hashes
from rankdet.study.config.own_files import check_places, with_names
from rankdet.study.detectors import load_detector

CARD = '"classification": {"type": "Mine"}, "training": {"lr": {"small": 0.01}}}\n'
DETECTOR = load_detector("retinanet", "small")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The current folder, which has a loss `own` that imports its class from a package."""
    monkeypatch.chdir(tmp_path)
    write("losses/own.py", "from kit.core import Mine\n" + card("own"))
    write("kit/__init__.py", "")
    write("kit/core.py", "from .deep import factor\nclass Mine:\n    x = factor()\n")
    write("kit/deep.py", "def factor():\n    return 1\ndef unused():\n    return 1\n")
    use_places({})
    yield tmp_path
    use_places({})


def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def card(name):
    return f'CARD = {{"name": "{name}", "title": "T", {CARD}'


def fresh(name="own"):
    """The hash of a loss and its files, read again."""
    hashes.our_tree.cache_clear()
    file = cards.load_loss(name)
    values = (file, file.variant(""), DETECTOR)
    return hashes.loss_hash(*values), hashes.loss_files(*values)


def test_modules_of_the_user_are_followed_statement_by_statement(lab):
    before, files = fresh()
    assert {"kit/core.py", "kit/deep.py"} <= set(files)
    write("kit/deep.py", "def factor():\n    return 1  # why\ndef unused():\n    return 2\n")
    assert fresh()[0] == before
    write("kit/deep.py", "def factor():\n    return 2\ndef unused():\n    return 2\n")
    after, changed = fresh()
    assert after != before
    assert [name for name in files if files[name] != changed[name]] == ["kit/deep.py"]


def test_installed_packages_count_by_their_version(lab):
    write("losses/own.py", "import torch, yaml\nfrom kit.core import Mine\n" + card("own"))
    files = fresh()[1]
    assert files["yaml"][0].isdigit() and "torch" not in files


def test_everything_of_a_star_import_counts(lab):
    write("losses/own.py", "from kit.deep import *\nfrom kit.core import Mine\n" + card("own"))
    before = fresh()[0]
    write("kit/deep.py", "def factor():\n    return 1\ndef unused():\n    return 2\n")
    assert fresh()[0] != before


@pytest.mark.parametrize(
    "call",
    ["importlib.import_module('kit.deep')", "import_module('kit.deep')", "__import__('kit.deep')"],
)
def test_a_module_that_a_call_names_counts(lab, call):
    text = f"import importlib\nfrom importlib import import_module\nclass Mine:\n    x = {call}\n"
    write("kit/core.py", text)
    before = fresh()[0]
    write("kit/deep.py", "def factor():\n    return 1\ndef unused():\n    return 2\n")
    assert fresh()[0] != before


READS = [
    ("kit/table.json", "Path(__file__).with_name('table.json').read_text()"),
    ("kit/data/table.json", "(Path(__file__).parent / 'data' / 'table.json').read_text()"),
    ("kit/data/table.json", "open(os.path.join(HERE, 'data', 'table.json')).read()"),
    ("kit/data/table.json", "HERE.joinpath('data/table.json').read_text()"),
    ("numbers/table.csv", "pandas.read_csv('numbers/table.csv')"),  # from the current folder
]


@pytest.mark.parametrize(("file", "call"), READS)
def test_a_file_that_a_module_reads_counts(lab, file, call):
    write(file, "1")
    write("kit/deep.py", f"HERE = Path(__file__).parent\ndef factor():\n    return {call}\n")
    before, files = fresh()
    assert file in files
    write(file, "2")
    after, changed = fresh()
    assert after != before
    assert [name for name in files if files[name] != changed[name]] == [file]


@pytest.mark.parametrize("text", ["unused.json", "missing.json", "data", "a\\0.json", "x" * 300])
def test_texts_that_name_no_file_in_use_change_nothing(lab, text):
    write("kit/data/more.json", "1")
    write("kit/unused.json", "1")
    write("kit/deep.py", "def factor():\n    return 1\ndef unused():\n    return 'unused.json'\n")
    used = "1" if text == "unused.json" else repr(text)
    write("kit/core.py", f"from .deep import factor\nclass Mine:\n    x = factor(), {used}\n")
    before, files = fresh()
    assert not [name for name in files if name.endswith(".json")]
    write("kit/unused.json", "2")
    assert fresh()[0] == before


def test_a_file_with_a_nul_byte_is_one_line(lab):
    Path("losses/own.py").write_bytes(b"import torch\n\0" + card("own").encode())
    with pytest.raises(InputError, match=r"losses/own\.py: syntax error: .*null"):
        cards.load_loss("own")


def test_a_star_import_one_level_down_is_followed_by_name(lab):
    write("kit/core.py", "from .deep import *\nclass Mine:\n    x = factor()\n")
    before = fresh()[0]
    write("kit/deep.py", "def factor():\n    return 1\ndef unused():\n    return 2\n")
    assert fresh()[0] == before
    write("kit/deep.py", "def factor():\n    return 2\ndef unused():\n    return 2\n")
    after = fresh()[0]
    assert after != before
    write("kit/deeper.py", "def factor():\n    return 2\n")
    write("kit/deep.py", "from kit.deeper import *\n")  # a star behind a star
    before = fresh()[0]
    write("kit/deeper.py", "def factor():\n    return 3\n")
    assert fresh()[0] != before


@pytest.mark.parametrize(
    ("start", "effect"),
    [
        ("FLAGS = {}\n", 'FLAGS["a"] = {}\n'),
        ("class K:\n    w = 0\n", "K.w = {}\n"),
        ("table = [0]\n", "table[0], other = {}, 1\n"),
        ("import torch\n", "torch.set_default_dtype({})\n"),
    ],
)
@pytest.mark.parametrize("file", ["kit/deep.py", "kit/__init__.py"])
def test_an_effect_at_import_counts_in_a_module_and_above_it(lab, file, start, effect):
    text = (lab / file).read_text()
    write(file, start + effect.format(1) + text)
    before = fresh()[0]
    write(file, start + effect.format(2) + text)
    assert fresh()[0] != before


WRONG = {
    "from kit.core import Mien as Mine": "kit/core.py has no 'Mien'; did you mean 'Mine'",
    "from kti import Mine": "no module 'kti': neither in losses/, ./ nor installed",
    "from kit.other import Mine": "no module 'kit.other'; correct the name, or write it",
    "from kit.cor import Mine": "no module 'kit.cor'; did you mean 'kit.core'?",
    "from kit import cor": "kit/__init__.py has no 'cor'; did you mean 'core'?",
    "from plain import coer": "plain/ has no 'coer'; did you mean 'core'?",
    "from blank import word": "blank/__init__.py has no 'word'; it is empty; correct the name",
    "from . import Mine": "a relative import",
    "from rankdet.losses import Nothing as Mine": "losses/__init__.py has no 'Nothing'",
}


@pytest.mark.parametrize("line", WRONG)
def test_an_import_that_cannot_work_is_one_line(lab, line):
    write("plain/core.py", "x = 1\n")  # a package without __init__.py
    write("blank/__init__.py", "")
    write("losses/own.py", f"import torch\n{line}\n" + card("own"))
    with pytest.raises(InputError) as found:
        cards.load_loss("own")
    assert str(found.value).startswith("losses/own.py:2: ") and WRONG[line] in str(found.value)


TAKEN = "class Other:\n    def forward(self, x):\n        return {}\n"


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("from kit import deep", "deep.facto(x)"),
        ("import kit.deep as deep", "deep.facto(x)"),
        ("from kit import deep as d", "d.facto(x)"),
    ],
)
def test_a_name_that_a_module_does_not_have_is_found_before_any_job(lab, line, use):
    write("losses/own.py", f"{line}\nfrom kit.core import Mine\n{TAKEN.format(use)}" + card("own"))
    with pytest.raises(InputError) as found:
        cards.load_loss("own")
    assert str(found.value) == "losses/own.py:5: kit/deep.py has no 'facto'; did you mean 'factor'?"


@pytest.mark.parametrize(
    ("use", "more"),
    [
        ("deep.factor(x), deep.__name__, deep.unused", ""),
        ("[deep.nothing for deep in x]", ""),
        ("(lambda deep: deep.nothing)(x)", ""),
        ("deep.nothing if hasattr(deep, 'nothing') else 0", ""),
        ("deep.new(x)", "deep.new = print\n"),
        ("deep.new(x)", "try:\n    deep.new\nexcept AttributeError:\n    deep = None\n"),
    ],
)
def test_a_name_that_may_be_there_is_no_error(lab, use, more):
    start = f"from kit import deep\nfrom kit.core import Mine\n{more}"
    write("losses/own.py", start + TAKEN.format(use) + card("own"))
    assert cards.load_loss("own").card["title"] == "T"


@pytest.mark.parametrize(
    "more", ["def set():\n    global nothing\n    nothing = 1\n", "from os.path import *\n"]
)
def test_a_module_whose_text_does_not_tell_its_names_is_not_checked(lab, more):
    write("kit/deep.py", more + (lab / "kit/deep.py").read_text())
    start = "from kit import deep\nfrom kit.core import Mine\n"
    write("losses/own.py", start + TAKEN.format("deep.nothing") + card("own"))
    assert cards.load_loss("own").card["title"] == "T"


def test_an_import_that_may_not_run_is_not_checked(lab):
    text = "try:\n    import nothing\nexcept ImportError:\n    nothing = None\n"
    write("losses/own.py", text + "from kit.core import Mine\n" + card("own"))
    assert cards.load_loss("own").card["title"] == "T"


def test_an_error_in_an_imported_module_has_its_file_and_line(lab):
    write("kit/deep.py", "x = 1\ndef factor(:\n")
    with pytest.raises(InputError, match=r"kit/deep\.py:2: syntax error"):
        cards.load_loss("own")


def test_paths_become_names_and_places(lab):
    write("other/more.py", card("more"))
    groups = [{"losses": ["focal", "./other/more.py+v"]}, {"losses": ["other/more.py"]}]
    found = with_names({"runs": groups}, "study.yaml")
    assert [group["losses"] for group in found["runs"]] == [["focal", "more+v"], ["more"]]
    assert found["paths"] == {"losses": ["losses", "./other/more.py"]}
    use_places(dict(check_places(found["paths"], "study.yaml")))
    assert {"own", "more", "focal"} <= set(named_files("losses"))
    assert len(named_files("losses")["more"]) == 1


def test_a_path_without_a_file_and_two_files_of_a_name_are_refused(lab):
    for path in ("a/same.py", "b/same.py"):
        write(path, card("same"))
    with pytest.raises(InputError, match=r"runs\[0\]\.losses\[0\].*no file c/same\.py"):
        with_names({"runs": [{"losses": ["c/same.py"]}]}, "s")
    with pytest.raises(InputError, match="have the same name"):
        with_names({"runs": [{"losses": ["a/same.py", "b/same.py"]}]}, "s")
    use_places({"losses": ["a", "b"]})
    with pytest.raises(InputError, match="there is another loss 'same'"):
        cards.load_loss("same")


@pytest.mark.parametrize("place", ["nowhere", "kit/notes.txt"])
def test_places_are_folders_or_files_of_their_kind(lab, place):
    write("kit/notes.txt", "")
    with pytest.raises(InputError, match=r"s: paths\.losses\[0\]: found "):
        dict(check_places({"losses": [place], "papers": None}, "s"))
