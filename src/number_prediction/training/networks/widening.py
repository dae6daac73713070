"""Lines of writing made wider before they are read, and the answer brought back to the line's own steps.

People write narrower digits than those of MNIST, of which training lines are composed. A network reads them
better at the width that it has learned.
"""

from __future__ import annotations

import torch
from torch import Tensor

from number_prediction.training.graph.grids import area_matrix, interpolation_matrix


def widen(line: Tensor) -> Tensor:
    """Lines (N, H, W) -> (N, H, 5 W / 4), interpolated linearly; W is a multiple of 4."""
    width = line.shape[2]
    return line @ interpolation_matrix(width + width // 4, width).T


def join_steps(logs: Tensor, count: int) -> Tensor:
    """Log-probabilities (N, T, C) by time step -> of `count` longer steps, (N, count, C).

    A longer step covers several steps, wholly or in part. Its blank (class 0) has the product of their
    probabilities, because all of them must be blank. Each other class has the sum. All are scaled to sum 1.
    """
    share = area_matrix(count, logs.shape[1])
    share = share / share.amax((0, 1))  # 1 for a step that is wholly covered
    blank, others = share @ logs[:, :, :1], torch.log(share @ logs[:, :, 1:].exp())
    return torch.log_softmax(torch.cat([blank, others], 2), 2)
