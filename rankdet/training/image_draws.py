"""Random numbers of the training images, which depend on the seed, the epoch and the image only.

So neither the number of processes that load images nor a resume changes what a training sees.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmdet.registry import DATASETS


class EpochBatches(AspectRatioBatchSampler):
    """Batches of only wide or only tall images, as in mmdet, whose entries also name the epoch.

    The processes that load images live as long as the training. They learn the epoch from these
    entries.
    """

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yields lists of (epoch, index of the image); the first epoch is 0."""
        for batch in super().__iter__():
            yield [(self.sampler.epoch, index) for index in batch]


class SeededImages:
    """A dataset whose augmentations are drawn from generators of their own for each image.

    Args:
        dataset: mmdet's config of the dataset.
        seed: The seed of the run.
    """

    def __init__(self, dataset: Mapping[str, Any], seed: int) -> None:
        self.dataset, self.seed = DATASETS.build(dict(dataset)), seed

    @property
    def metainfo(self) -> dict[str, Any]:
        """The class names, for mmengine."""
        found: dict[str, Any] = self.dataset.metainfo
        return found

    def full_init(self) -> None:
        """Reads the annotations, if they have not been read."""
        self.dataset.full_init()

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Returns the annotations of an image and its size."""
        found: dict[str, Any] = self.dataset.get_data_info(index)
        return found

    def __len__(self) -> int:
        """Returns the number of images in an epoch."""
        return len(self.dataset)

    def __getitem__(self, place: tuple[int, int]) -> Any:
        """Returns an augmented image.

        Args:
            place: The epoch, from 0, and the index of the image.
        """
        epoch, index = place
        with drawn_from(self.seed, epoch, index):
            return self.dataset[index]


@contextmanager
def drawn_from(*numbers: int) -> Iterator[None]:
    """Seeds the generators of Python, NumPy and torch (CPU) for a block, and restores them after.

    Args:
        numbers: What the draws depend on, each >= 0.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    value = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    try:
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002  (mmcv's transforms draw from the global generator)
        torch.default_generator.manual_seed(value)  # `torch.manual_seed` also seeds the GPU
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
