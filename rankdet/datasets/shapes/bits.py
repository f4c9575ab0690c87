"""Random numbers that are the same on every machine and with every numpy.

numpy guarantees a fixed stream for its bit generators, but not for the distributions of
`Generator`. Therefore the distributions here are computed from PCG64's raw bits.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.random import PCG64, SeedSequence

T = TypeVar("T")

# Fractional parts of 1/g, 1/g², 1/g³ with g⁴ = g + 1, in units of 2**-64: the steps of an additive
# recurrence. For every n its first n points cover the unit cube evenly.
_STEPS = (0xD1B54A32D192ED03, 0xABC98388FB8FAC02, 0x8CB92BA72F3D8DD7)


class Bits:
    """A stream of random numbers for one purpose.

    Args:
        seed: a whole number ≥ 0.
        path: further whole numbers that identify this stream, such as split and index.
    """

    def __init__(self, seed: int, *path: int) -> None:
        self._source = PCG64(SeedSequence([seed, *path]))

    def unit(self) -> float:
        """Returns a number in [0, 1)."""
        return (int(self._source.random_raw()) >> 11) * 2.0**-53

    def uniform(self, low: float, high: float) -> float:
        """Returns a number in [low, high)."""
        return low + (high - low) * self.unit()

    def integer(self, low: int, high: int) -> int:
        """Returns a whole number in [low, high], including both."""
        return low + ((int(self._source.random_raw()) >> 32) * (high - low + 1) >> 32)

    def choice(self, values: Sequence[T]) -> T:
        """Returns one of the values."""
        return values[self.integer(0, len(values) - 1)]

    def noise(self, shape: tuple[int, ...], amplitude: int) -> np.ndarray:
        """Returns int16 noise in [-amplitude, amplitude]. The amplitude is at most 127."""
        count = int(np.prod(shape))
        raw = np.atleast_1d(self._source.random_raw(-(-count // 8)))
        octets = raw.astype("<u8").view(np.uint8)[:count].reshape(shape).astype(np.int32)
        return (octets * (2 * amplitude + 1) // 256 - amplitude).astype(np.int16)


def even_units(seed: int, split: int, index: int) -> tuple[float, float, float]:
    """Returns point `index` of a sequence of points that cover [0, 1)³ evenly.

    Properties that are chosen by these points (the number of objects, whether there is a crowd)
    have the configured frequency even in a few images. The number of images does not change them.
    """
    start = PCG64(SeedSequence([seed, split])).random_raw(3)
    wrapped = ((int(s) + (index + 1) * step) % 2**64 for s, step in zip(start, _STEPS, strict=True))
    first, second, third = ((value >> 11) * 2.0**-53 for value in wrapped)
    return first, second, third
