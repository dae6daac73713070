"""What a camera makes of the layers of a crop: pens on paper in some light, blurred, noisy and damaged.

Layers of cover (B, S, S) float32 in [0, 1] -> grey (B, S, S) uint8, 255 is white.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.training.synthesis import surfaces
from number_prediction.training.synthesis.surfaces import Dice

CLEAN = 0.28
"""Share of the crops that are drawings or scans in black on white, most of which nothing happens to."""
HOLLOW = 0.08
"""Share of the crops that show the outlines of strokes alone."""
COMPRESSED_FROM_PX = 48
"""Side from which some crops went through JPEG."""


def paint(
    meant: Tensor, beside: Tensor, rules: Tensor, strike: Tensor, dice: Dice, random: np.random.Generator
) -> Tensor:
    """Pictures of the meant writing, its neighbours, rules, and lines that strike it through."""
    clean = dice.chance(CLEAN)
    ground = torch.where(clean > 0, 1.0, surfaces.paper(dice))
    strong = torch.where(dice.chance(0.5) > 0, dice.uniform(0.45, 1.0), dice.spread(0.07, 0.6))
    contrast = torch.where(clean > 0, 1.0, strong)
    cover = _write(meant, beside, clean, contrast, dice, random)
    pale = torch.where(dice.chance(0.6) > 0, contrast * dice.uniform(0.2, 0.9), dice.uniform(0.1, 0.9))
    cover = 1 - (1 - cover) * (1 - rules * pale) * (1 - strike * contrast)
    grey = ground * (1 - cover.clamp(0, 1))
    dim = torch.where(dice.chance(0.6) > 0, dice.uniform(0.55, 1.0), dice.uniform(0.2, 1.0))
    lit = surfaces.light(surfaces.sheet_edges(grey * dim, dice), dice)
    grey = torch.where(clean > 0, grey, lit)
    grey = torch.where(dice.chance(0.3) > 0, 1 - grey.clamp(0, 1), grey)
    seen = surfaces.damage(surfaces.camera(grey.clamp(0, 1), dice), dice)
    untouched = clean * dice.chance(0.6)
    grey = torch.where(untouched > 0, grey, seen).clamp(0, 1)
    bitmap = (grey > dice.uniform(0.4, 0.6)).to(torch.float32)
    grey = torch.where(clean * dice.chance(0.3) > 0, bitmap, grey)
    return _compress((grey * 255).round().to(torch.uint8), random)


def _write(
    meant: Tensor, beside: Tensor, clean: Tensor, contrast: Tensor, dice: Dice, random: np.random.Generator
) -> Tensor:
    """Cover of writing with grain, pressure and outlines alone, and of what shows through from behind."""
    size, dirty = dice.size, 1 - clean
    half = max(2, size // 2)
    grain = (dice.noise() * 0.6 + dice.field(half, half) * 0.6).clamp(-1, 1)
    rough = dice.uniform(0, 0.9) * dice.chance(0.25) * dirty
    texture = (1 - rough * (grain * 0.5 + 0.5)).clamp(0, 1)
    lifted = dice.uniform(0, 0.6) * (dice.field(5, 5) * 0.5).clamp(0, 1) * dice.chance(0.3)
    texture = texture * (1 - lifted * dirty)
    hollow = dice.chance(HOLLOW)
    pale = torch.where(dice.chance(0.7) > 0, 1.0, dice.uniform(0.4, 1.3))
    behind = meant.flip(2).roll(int(random.integers(1, size)), 0).unsqueeze(1)
    through = dice.uniform(0.04, 0.2) * dice.chance(0.06) * dirty
    bleed = F.avg_pool2d(behind, 3, 1, 1).squeeze(1) * through
    ink = torch.where(hollow > 0, _outline(meant, dice), meant * texture)
    drawn = torch.maximum(ink, beside * texture * pale.clamp(max=1)) * contrast
    return 1 - (1 - drawn) * (1 - bleed)


def _outline(meant: Tensor, dice: Dice) -> Tensor:
    """The outlines of strokes, inside or outside of their edge, soft or as an edge detector draws them."""
    layer = meant.unsqueeze(1)
    core, around = -F.max_pool2d(-layer, 3, 1, 1).squeeze(1), F.max_pool2d(layer, 3, 1, 1).squeeze(1)
    inner, outer = (meant - core).clamp(0, 1), (around - meant).clamp(0, 1)
    soft = torch.where(dice.chance(0.5) > 0, inner, outer)
    edge = ((around > 0.5) & (core < 0.5) & (meant < dice.uniform(0.4, 1.01))).to(torch.float32)
    return torch.where(dice.chance(0.6) > 0, edge, soft)


def _compress(pictures: Tensor, random: np.random.Generator) -> Tensor:
    """Some of them after JPEG."""
    if pictures.shape[1] < COMPRESSED_FROM_PX:
        return pictures
    kept = pictures.numpy()
    for index in np.flatnonzero(random.random(len(kept)) < 0.3):
        kept[index] = surfaces.compress(kept[index], random)
    return torch.tensor(kept)


def visibility(grey: Tensor, mask: Tensor) -> Tensor:
    """By how much the grey under a mask differs from that around it, in deviations of the latter: (B,)."""
    layer = mask.unsqueeze(1)
    around = (F.max_pool2d(layer, 9, 1, 4) * (1 - F.max_pool2d(layer, 3, 1, 1))).squeeze(1)

    def moments(weight: Tensor) -> tuple[Tensor, Tensor]:
        total = weight.sum((1, 2)).clamp(min=1e-3)
        mean = (grey * weight).sum((1, 2)) / total
        return mean, ((grey - mean.reshape(-1, 1, 1)).square() * weight).sum((1, 2)) / total

    inked, (beside, variance) = moments(mask * (mask > 0.3))[0], moments(around)
    return (inked - beside).abs() / (variance.sqrt() + 0.02)
