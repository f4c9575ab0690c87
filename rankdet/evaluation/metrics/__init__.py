"""Measures of detections: each a function of the matches (or of the training record); no torch."""
