"""Puts the product's own files into the wheel (docs/decisions/034-wheel.md)."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHARED = ("Snakefile", "workflows", "analysis", "reports", "config", "profiles", "envs", "data")
# Reports that were built, downloads, and what is only for the clone.
LEFT_OUT = ("__pycache__", "html", "example", "measured", "cache", "*.pyc")


class WithShare(build_py):
    """Copies the top-level folders beside the modules; an editable install reads them in place."""

    def run(self) -> None:
        """Builds the modules, and then the copy."""
        super().run()
        if self.editable_mode:
            return
        share = Path(self.build_lib) / "rankdet" / "_share"
        shutil.rmtree(share, ignore_errors=True)  # of an earlier build
        share.mkdir(parents=True)
        for name in SHARED:
            if Path(name).is_dir():
                shutil.copytree(name, share / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
            else:
                shutil.copy2(name, share / name)


setup(cmdclass={"build_py": WithShare})
