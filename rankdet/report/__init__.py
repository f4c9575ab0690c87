"""The offline report of a study: `build_report` writes it from whatever is on disk."""

from rankdet.report.build import build_report

__all__ = ["build_report"]
