"""The import finder of `mmcv._ext`: a compiled one has priority; nothing else changes."""

import ast
import importlib
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rankdet.detectors import ops
from rankdet.detectors.ops import vision
from rankdet.detectors.ops.finder import ExtensionFinder
from rankdet.errors import InputError


def run_python(code, *folders):
    """Runs code in a new process, with folders before everything on sys.path."""
    path = "".join(f"sys.path.insert(0, {str(folder)!r})\n" for folder in folders)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{path}{textwrap.dedent(code)}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fake_mmcv(folder, compiled):
    (folder / "mmcv").mkdir()
    (folder / "mmcv" / "__init__.py").write_text("")
    if compiled:
        (folder / "mmcv" / "_ext.py").write_text("def nms(*args): return 'compiled'\n")
    return folder


def names_asked_for():
    """Every name that mmcv's modules load from `mmcv._ext`."""
    folder = Path(importlib.util.find_spec("mmcv").origin).parent / "ops"
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "load_ext":
                yield from (name.value for name in node.args[1].elts)


def test_install_is_idempotent_comes_last_and_needs_no_torch():
    out = run_python("""
        from rankdet.detectors import ops
        before = list(sys.meta_path)
        ops.install(); ops.install()
        assert sys.meta_path[:-1] == before, sys.meta_path
        print(type(sys.meta_path[-1]).__name__, "torch" in sys.modules)
    """)
    assert out == "ExtensionFinder False"


def test_a_compiled_extension_on_the_path_wins(tmp_path):
    out = run_python(
        """
        from rankdet.detectors import ops
        ops.install()
        import mmcv._ext
        print(mmcv._ext.nms(), *set(ops.backends().values()), sep=", ")
        """,
        fake_mmcv(tmp_path, compiled=True),
    )
    assert out == "compiled, compiled mmcv"


def test_another_finder_wins_even_when_it_is_added_first(tmp_path):
    out = run_python(
        """
        import types
        from importlib.machinery import ModuleSpec

        class Other:
            @staticmethod
            def find_spec(name, path=None, target=None):
                return ModuleSpec(name, Other) if name == "mmcv._ext" else None
            @staticmethod
            def create_module(spec):
                return types.SimpleNamespace(nms="theirs")
            @staticmethod
            def exec_module(module):
                pass

        from rankdet.detectors import ops
        ops.install()
        sys.meta_path.insert(-1, Other)
        import mmcv._ext
        print(sys.modules["mmcv._ext"].nms, ops.backends()["nms"], sep=", ")
        """,
        fake_mmcv(tmp_path, compiled=False),
    )
    assert out == "theirs, compiled mmcv"


def test_without_a_compiled_extension_ours_is_used(tmp_path):
    out = run_python(
        """
        from rankdet.detectors import ops
        ops.install()
        import mmcv._ext
        from rankdet.detectors.ops import nms
        print(mmcv._ext.nms is nms.nms, ops.backends()["softnms"], sep=", ")
        """,
        fake_mmcv(tmp_path, compiled=False),
    )
    assert out == "True, PyTorch"


def test_only_the_extension_is_served():
    finder = ExtensionFinder()
    assert finder.find_spec("mmcv._ext").loader is finder
    for other in ("mmcv", "mmcv.ops", "_ext", "torchvision", "mmcv._extra"):
        assert finder.find_spec(other) is None


def test_mmdet_imports():
    ops.install()
    assert importlib.import_module("mmdet.models").RetinaNet


def test_every_name_exists_and_missing_operations_give_one_line():
    ops.install()
    extension = importlib.import_module("mmcv._ext")
    if not hasattr(extension.__spec__.loader, "find_spec"):
        pytest.skip("a compiled mmcv is installed")
    names = set(names_asked_for())
    assert set(ops.backends()) < names
    for name in names - set(ops.backends()):
        if name.startswith("get_compil"):
            assert isinstance(getattr(extension, name)(), str)
            continue
        with pytest.raises(InputError, match=f"'{name}'.*compiled mmcv") as caught:
            getattr(extension, name)(1, size=2)
        assert isinstance(caught.value, NotImplementedError)
        assert "\n" not in str(caught.value)


def test_the_served_module_has_no_invented_attributes():
    ops.install()
    extension = importlib.import_module("mmcv._ext")
    assert not hasattr(extension, "__path__")
    assert not hasattr(extension, "__wrapped__")


@pytest.fixture
def other_torchvision(tmp_path, monkeypatch):
    """Puts a package called torchvision before any real one."""

    def put(init, module_ops=""):
        package = tmp_path / "torchvision"
        package.mkdir()
        (package / "__init__.py").write_text(init)
        (package / "ops.py").write_text(module_ops)
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(tmp_path)
        vision.load.cache_clear()

    yield put
    for name in ("torchvision", "torchvision.ops"):
        sys.modules.pop(name, None)
    vision.load.cache_clear()


def test_a_torchvision_that_does_not_load_is_not_used(other_torchvision):
    other_torchvision("raise RuntimeError('operator torchvision::nms does not exist\\nand more')")
    assert vision.kernels() is None
    assert vision.import_error() == "operator torchvision::nms does not exist"
    assert "torchvision" not in ops.backends().values()


def test_a_torchvision_that_loads_is_used_unless_switched_off(other_torchvision, monkeypatch):
    other_torchvision("", "nms = None")
    assert ops.backends()["nms"] == "torchvision"
    assert vision.import_error() is None
    monkeypatch.setenv("RANKDET_OPS", "pytorch")
    assert set(ops.backends().values()) == {"PyTorch"}
