"""The papers' tables and figures: specifications, our and published values, findings."""
