"""Provides `mmcv._ext` if mmcv was installed without it (mmcv-lite)."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NAME = "mmcv._ext"


class ExtensionFinder(MetaPathFinder, Loader):
    """Imports `mmcv._ext` from PyTorch code. It is the last finder, so all others have priority."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns a spec for `mmcv._ext` and None for every other module."""
        if fullname != NAME:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=__name__)

    def exec_module(self, module: ModuleType) -> None:
        """Fills the module. torch is imported only here."""
        from rankdet.detectors.ops import extension

        module.__dict__.update(extension.OPS)
        module.__dict__.update(extension.INFO)
        module.__dict__["__getattr__"] = extension.unsupported


def _is_ours(finder: object) -> bool:
    kind = type(finder)
    return (kind.__module__, kind.__qualname__) == (__name__, ExtensionFinder.__qualname__)


def install() -> None:
    """Makes `import mmcv.ops` work without a compiled mmcv; calling it again changes nothing."""
    if not any(_is_ours(finder) for finder in sys.meta_path):
        sys.meta_path.append(ExtensionFinder())


def compiled_extension() -> ModuleSpec | None:
    """Returns the spec of a compiled `mmcv._ext`, or None. It does not import mmcv."""
    package = importlib.util.find_spec("mmcv")
    if package is None:
        return None
    for finder in sys.meta_path:
        if _is_ours(finder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(NAME, package.submodule_search_locations, None)
        if spec is not None:
            return spec
    return None
