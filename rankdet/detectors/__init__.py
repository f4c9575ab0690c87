"""Adapters that train mmdet detectors with any criterion, and mmcv's operations in PyTorch."""
