"""RankDet Bench: ranking-based losses for object detection, trained, measured, compared."""

__version__ = "0.1.0"
