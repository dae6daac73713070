"""Muon (Jordan et al., 2024): gradient descent with orthogonalised steps for matrices and filters.

Other groups of weights, such as biases, batch normalisation and the last layer, get plain gradient descent
with Nesterov momentum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ_STEPS = 4
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the polynomial that brings all singular values near 1 (Newton and Schulz)."""
NORM_EPSILON = 1e-7
"""Added to the norm of a matrix before dividing by it."""
STEP_LENGTH = 0.2
"""Length of a step in each direction, chosen so that the learning rate suits the other weights too."""


class Muon(torch.optim.Optimizer):
    """Gradient descent with Nesterov momentum and orthogonalised steps for matrices and filters."""

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float) -> None:
        """A group may have `orthogonal=False`, and `weight_decay`, which is decoupled."""
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all weights that have a gradient; `closure` must be None."""
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
                    change = STEP_LENGTH * orthogonalize(change.flatten(1)).view_as(change)
                weights.mul_(1 - group["lr"] * group["weight_decay"]).sub_(change, alpha=group["lr"])


def orthogonalize(matrix: Tensor) -> Tensor:
    """A matrix (R, C) -> nearly the closest one with singular values 1; most become 0.7 to 1.2."""
    linear, cubic, quintic = NEWTON_SCHULZ_COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    result: Tensor = matrix.T if is_tall else matrix
    result = result / (torch.linalg.matrix_norm(result) + NORM_EPSILON)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = result @ result.T
        result = linear * result + (cubic * gram + quintic * gram @ gram) @ result
    return result.T if is_tall else result
