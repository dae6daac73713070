"""Random values for some pictures of a batch: the same ones as if they were drawn for the whole batch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

WHOLE_BATCH = slice(None)


class Draws:
    """Uniform values in [0, 1), one or more per picture, from an explicit CPU generator."""

    def __init__(self, count: int, generator: Generator, wanted: slice = WHOLE_BATCH) -> None:
        """`count` is the size of the whole batch, `wanted` selects the pictures that get values."""
        self._count, self._generator, self._wanted = count, generator, wanted

    def __call__(self, *shape: int) -> Tensor:
        """Values (n, *shape) float32 for the n wanted pictures."""
        return torch.rand(self._count, *shape, generator=self._generator)[self._wanted]
