"""Temperature scaling: one number that makes the confidence of a network mean what it says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LOWEST, HIGHEST = 0.2, 5.0
"""Bounds of the temperature: where all answers are right, the best one would be 0."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature that minimises the cross-entropy of logits / temperature (Guo et al., 2017).

    Args:
        logits: (N, C) float32 on data that was not trained on.
        labels: (N,) int64.

    Returns:
        A number between LOWEST and HIGHEST.
    """
    logits, labels = logits.cpu().double(), labels.cpu()
    inverse = torch.ones((), dtype=torch.float64, requires_grad=True)  # the loss is convex in 1 / temperature
    optimizer = torch.optim.LBFGS([inverse], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(logits * inverse, labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    temperature = 1 / max(float(inverse.detach()), 1e-6)
    return min(max(temperature, LOWEST), HIGHEST)
