"""Muon (Jordan et al., 2024): gradient descent whose step for a matrix has all directions equally long.

Beside the matrices, an optimiser takes groups that are not orthogonalised: for biases, batch normalisation
and the last layer it is gradient descent with Nesterov momentum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

ITERATIONS = 4
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that brings all singular values near to 1 (Newton and Schulz)."""
SMALLEST = 1e-7
"""Added to the norm by which a matrix is divided, which may be 0."""
LENGTH = 0.2
"""Of a step in each direction, so that the learning rate suits the other weights too."""


class Muon(torch.optim.Optimizer):
    """Gradient descent with Nesterov momentum, whose steps for matrices and filters are orthogonalised."""

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float) -> None:
        """A group may say `orthogonal=False`, and `weight_decay`, which is decoupled."""
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all weights that have a gradient; `closure` is there for torch and must be None."""
        assert closure is None
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weights)
                buffer = state["momentum_buffer"]
                buffer.mul_(group["momentum"]).add_(weights.grad)
                change = weights.grad.add(buffer, alpha=group["momentum"])
                if group["orthogonal"]:
                    change = LENGTH * orthogonalize(change.flatten(1)).view_as(change)
                weights.mul_(1 - group["lr"] * group["weight_decay"]).sub_(change, alpha=group["lr"])


def orthogonalize(matrix: Tensor) -> Tensor:
    """A matrix (R, C) -> about the nearest one whose singular values are all 1: most come to 0.7 to 1.2."""
    linear, cubic, quintic = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    result: Tensor = matrix.T if is_tall else matrix
    result = result / (torch.linalg.matrix_norm(result) + SMALLEST)
    for _ in range(ITERATIONS):
        gram = result @ result.T
        result = linear * result + (cubic * gram + quintic * gram @ gram) @ result
    return result.T if is_tall else result
