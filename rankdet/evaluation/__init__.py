"""Evaluation of COCO-format detections: metrics, intervals, comparisons. No torch."""
