"""RankDet Bench: ranking-based losses for object detection, trained, evaluated and compared."""

__version__ = "0.2.0"
