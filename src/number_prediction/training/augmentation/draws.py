"""Random values for some pictures of a batch: those that they would have if the whole batch were wanted."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

ALL = slice(None)


class Draws:
    """Uniform values in [0, 1), one or more a picture, from an explicit CPU generator."""

    def __init__(self, count: int, generator: Generator, wanted: slice = ALL) -> None:
        """`count` is that of the whole batch, `wanted` which of its pictures are drawn for."""
        self._count, self._generator, self._wanted = count, generator, wanted

    def __call__(self, *shape: int) -> Tensor:
        """Values (n, *shape) float32, n pictures being wanted."""
        return torch.rand(self._count, *shape, generator=self._generator)[self._wanted]
