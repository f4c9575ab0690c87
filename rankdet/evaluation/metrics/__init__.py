"""Metrics of detections, functions of the matches or of the training record. No torch."""
