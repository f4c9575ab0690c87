"""The papers' tables and figures: specifications, ours beside published, findings."""
