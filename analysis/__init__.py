"""Measures, records, tables and figures of a study (no torch in here)."""
