"""Each test asserts something and uses only public names; the folders mirror `rankdet/`."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rankdet.repository import ROOT

TESTS = ROOT / "tests"
# Folders of tests that are about more than one room.
ACROSS_ROOMS = {"bench", "conformance", "fuzz", "golden", "recipes", "workflow"}
# Calls that check something by themselves. A function whose name begins with `assert` does too.
CHECKS = {"raises", "warns", "deprecated_call", "fail", "gradcheck", "gradgradcheck", "opcheck"}
# Private names of other packages: of named tuples, mmdet and torch.
OTHERS = {"_replace", "_asdict", "_get_targets_single", "_init_fn"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    """Returns the parsed module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules() -> list[Path]:
    """Returns all Python files of the tests."""
    return sorted(TESTS.rglob("*.py"))


def functions(path: Path) -> dict[str, Function]:
    """Returns the functions and methods of a module by name, those inside functions left out."""
    found: dict[str, Function] = {}
    for node in tree(path).body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, Function):
                found[inner.name] = inner
    return found


def origins(path: Path) -> dict[str, tuple[Path, str]]:
    """Returns where each name that a module imports from other tests is defined."""
    found = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            for alias in node.names:
                base = ROOT.joinpath(*node.module.split("."))
                module = base / f"{alias.name}.py"
                found[alias.asname or alias.name] = (
                    (module, "") if module.exists() else (base.with_suffix(".py"), alias.name)
                )
    return found


def definition(path: Path, name: str, attribute: str = "") -> tuple[Path, str] | None:
    """Returns the module and name of a test helper, as `path` sees it; fixtures are included."""
    if not attribute and name in functions(path):
        return path, name
    module, original = origins(path).get(name, (None, ""))
    if module is not None and (found := original or attribute) in functions(module):
        return module, found
    conftests = (
        folder / "conftest.py" for folder in path.parents if TESTS in (folder, *folder.parents)
    )
    return next(
        ((file, name) for file in conftests if file.exists() and name in functions(file)), None
    )


def called_here(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields the owner and the attribute of a call, ("pytest", "raises"), or ("function", "")."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            yield node.func.id, ""
        elif isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield owner.id if isinstance(owner, ast.Name) else "", node.func.attr


def is_check(owner: str, attribute: str) -> bool:
    """Whether a call asserts by its name."""
    last = attribute or owner
    return last in CHECKS or last.startswith("assert")


@cache
def checks(path: Path, name: str) -> bool:
    """Whether a function asserts, directly or in a helper or fixture of the tests that it calls."""
    function = functions(path)[name]
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    for owner, attribute in (name for node in ast.walk(function) for name in called_here(node)):
        if is_check(owner, attribute):
            return True
        helper = definition(path, owner, attribute)
        if helper and helper != (path, name) and checks(*helper):
            return True
    return False


def private_names(path: Path) -> Iterator[str]:
    """Yields the private names that a module imports, reads from an object, or replaces by text."""
    for node in ast.walk(tree(path)):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rankdet"):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
            names = [node.attr]
        elif isinstance(node, ast.Constant) and str(node.value).startswith("rankdet."):
            names = [str(node.value).rpartition(".")[2]]
        yield from (name for name in names if re.match("_[^_]", name) and name not in OTHERS)


def test_every_test_asserts():
    silent = {
        f"{path.relative_to(TESTS)}: {name}"
        for path in modules()
        for name in functions(path)
        if name.startswith("test_") and not checks(path, name)
    }
    assert silent == set()


def returns_before_it_asserts(function: Function) -> bool:
    """Whether an empty `return` comes before the first assertion, so that nothing is tested."""
    nodes = list(ast.walk(function))
    returns = [n.lineno for n in nodes if isinstance(n, ast.Return) and n.value is None]
    asserts = [n.lineno for n in nodes if isinstance(n, ast.Assert)]
    asserts += [n.lineno for n in nodes if any(is_check(*name) for name in called_here(n))]
    return bool(returns) and min(returns) < min(asserts, default=min(returns) + 1)


def test_no_test_returns_before_it_asserts():
    """A test that has nothing to look at calls `pytest.skip`, so that the summary shows it."""
    early = {
        f"{path.relative_to(TESTS)}: {name}"
        for path in modules()
        for name, function in functions(path).items()
        if name.startswith("test_") and returns_before_it_asserts(function)
    }
    assert early == set()


def test_tests_use_public_names():
    using = {path.relative_to(TESTS).as_posix(): list(private_names(path)) for path in modules()}
    assert {name: names for name, names in using.items() if names} == {}


def test_folders_mirror_the_package():
    rooms = {path.name for path in (ROOT / "rankdet").iterdir() if path.is_dir()}
    folders = {path.relative_to(TESTS).parts[0] for path in modules() if path.parent != TESTS}
    assert folders - rooms <= ACROSS_ROOMS


@pytest.mark.parametrize(
    ("body", "expected"),
    [("x = 1", False), ("assert x", True), ("with pytest.raises(E): f()", True), ("help()", False)],
)
def test_a_test_without_an_assertion_is_found(tmp_path, body, expected):
    path = tmp_path / "test_planted.py"
    path.write_text(f"def test_planted():\n    {body}\n")
    assert checks(path, "test_planted") is expected


def test_an_early_return_is_found(tmp_path):
    path = tmp_path / "test_planted.py"
    path.write_text(
        "def test_early(x):\n    if x:\n        return\n    assert x\n"
        "def test_late(x):\n    assert x\n    if x:\n        return\n    assert x\n"
    )
    found = {name for name, f in functions(path).items() if returns_before_it_asserts(f)}
    assert found == {"test_early"}
