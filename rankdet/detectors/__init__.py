"""Adapters that let any criterion train any mmdet detector, and mmcv's operations in PyTorch."""
