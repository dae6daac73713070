"""Changes of strokes for augmentations: another pen, softer edges, smooth bending.

In and out: ink (N, H, W) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def change_pen(ink: Tensor, change: Tensor) -> Tensor:
    """Grow strokes by `change` (N, 1, 1) pixels on either side, at most 3, or shrink them by at most 1."""
    once = _spread(ink, torch.maximum)
    twice = _spread(once, torch.maximum)
    thrice = _spread(twice, torch.maximum)
    thin = _spread(ink, torch.minimum)
    thicker = torch.lerp(ink, once, change.clamp(0, 1))
    thicker = torch.lerp(thicker, twice, (change - 1).clamp(0, 1))
    thicker = torch.lerp(thicker, thrice, (change - 2).clamp(0, 1))
    return torch.where(change > 0, thicker, torch.lerp(ink, thin, (-change).clamp(0, 1)))


def soften(ink: Tensor) -> Tensor:
    """Average each pixel with its neighbours, with weights 1 2 1 in both directions."""
    rows = ink * 0.5
    rows[:, 1:] += ink[:, :-1] * 0.25
    rows[:, :-1] += ink[:, 1:] * 0.25
    both = rows * 0.5
    both[:, :, 1:] += rows[:, :, :-1] * 0.25
    both[:, :, :-1] += rows[:, :, 1:] * 0.25
    return both


def bend(knots: Tensor, size: int) -> Tensor:
    """Smooth displacements (N, size, size, 2) for a sampling grid, from those of knots (N, 2, K, K)."""
    unit = torch.eye(knots.shape[2], device=knots.device).reshape(1, knots.shape[2], knots.shape[2], 1)
    spread = F.interpolate(unit, (size, 1), mode="bicubic", align_corners=True)[0, :, :, 0].T
    return (spread @ knots @ spread.T).permute(0, 2, 3, 1)


def _spread(ink: Tensor, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Largest or smallest of each 3x3 neighbourhood, by shifted slices, which is faster than pooling."""
    rows = ink.clone()
    rows[:, 1:] = choose(rows[:, 1:], ink[:, :-1])
    rows[:, :-1] = choose(rows[:, :-1], ink[:, 1:])
    both = rows.clone()
    both[:, :, 1:] = choose(both[:, :, 1:], rows[:, :, :-1])
    both[:, :, :-1] = choose(both[:, :, :-1], rows[:, :, 1:])
    return both
