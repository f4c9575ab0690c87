"""The offline report of a study: `build_report` builds it from the files on disk."""

from rankdet.report.build import build_report

__all__ = ["build_report"]
