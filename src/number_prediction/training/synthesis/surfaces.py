"""Synthetic paper, light, camera and damage.

Batches (B, S, S) float32 in and out: grey in [0, 1], 1 is white, or cover in [0, 1]. `Dice` draws all that is
random, one value a picture.
"""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Generator, Tensor


class Dice:
    """Random values for the pictures of a batch, each (B, 1, 1), from an explicit generator."""

    def __init__(self, count: int, size: int, generator: Generator) -> None:
        self.count, self.size, self._generator = count, size, generator
        place = (torch.arange(size, dtype=torch.float32) + 0.5) / size
        self.x, self.y = place.reshape(1, 1, -1), place.reshape(1, -1, 1)
        """(1, 1, S) and (1, S, 1): places in [0, 1]."""

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(self.count, 1, 1, generator=self._generator) * (high - low) + low

    def chance(self, share: float) -> Tensor:
        """1 in that share of the pictures, else 0."""
        return (self.uniform() < share).to(torch.float32)

    def spread(self, low: float, high: float) -> Tensor:
        """Between the two, evenly in the logarithm."""
        return self.uniform(math.log(low), math.log(high)).exp()

    def noise(self) -> Tensor:
        """(B, S, S), standard normal."""
        return torch.randn(self.count, self.size, self.size, generator=self._generator)

    def evenly(self, columns: int | None = None) -> Tensor:
        """(B, S, S) or (B, S, columns), uniform in [0, 1)."""
        return torch.rand(self.count, self.size, columns or self.size, generator=self._generator)

    def field(self, rows: int, columns: int) -> Tensor:
        """(B, S, S) smooth, of that many bumps, standard normal at their tops."""
        bumps = torch.randn(self.count, 1, rows, columns, generator=self._generator)
        return F.interpolate(bumps, (self.size, self.size), mode="bilinear").squeeze(1)

    def stripe(self, thick: float | Tensor, soft: float = 0.02) -> Tensor:
        """(B, S, S) cover of a straight band at a random place in a random direction."""
        return ((thick / 2 - self.line().abs()) / soft + 0.5).clamp(0, 1)

    def half(self, soft: float | Tensor) -> Tensor:
        """(B, S, S) cover of one side of a straight edge at a random place in a random direction."""
        return (self.line() / soft + 0.5).clamp(0, 1)

    def line(self) -> Tensor:
        """(B, S, S) signed distance from such a line, in sides of the picture."""
        angle = self.uniform(0, 2 * math.pi)
        return (self.x - self.uniform()) * angle.cos() + (self.y - self.uniform()) * angle.sin()


def paper(dice: Dice) -> Tensor:
    """Grey of empty paper, wood, cloth, cardboard or board, without light: about 1."""
    size = dice.size
    strength = dice.spread(0.003, 0.1) * dice.chance(0.75)
    fine, middle = dice.noise(), dice.field(max(2, size // 3), max(2, size // 3))
    blotches, wood = dice.field(6, 6), dice.field(3, max(2, size // 4))
    cloth = dice.field(max(2, size // 2), 3)
    weights = [dice.uniform() * dice.chance(0.5) for _ in range(5)]
    grain = sum((w * each for w, each in zip(weights, (fine, middle, blotches, wood, cloth), strict=True)))
    ground = 1 + strength * grain
    crease = dice.stripe(0.02, 0.02) * dice.chance(0.05) + dice.stripe(0.01, 0.01) * dice.chance(0.05)
    ground = ground + crease * dice.uniform(-0.15, 0.15)
    fleck = (dice.noise() > 3.0).to(torch.float32) * dice.chance(0.1)
    return ground - fleck * dice.uniform(0.1, 0.5)


def sheet_edges(grey: Tensor, dice: Dice) -> Tensor:
    """The edge of the sheet, of a note or a hole at the border of the picture; now and then."""
    angle_free = dice.half(dice.uniform(0.005, 0.05))
    near = (dice.x - 0.5).abs().maximum((dice.y - 0.5).abs())
    outside = angle_free * (near > dice.uniform(0.3, 0.49)) * dice.chance(0.06)
    side = dice.uniform(0, 4).floor()
    reach = dice.uniform(-0.02, 0.22) + dice.uniform(-0.15, 0.15) * torch.where(side < 2, dice.x, dice.y)
    from_side = torch.where(
        side == 0, dice.y, torch.where(side == 1, 1 - dice.y, torch.where(side == 2, dice.x, 1 - dice.x))
    )
    beyond = ((reach - from_side) / dice.spread(0.004, 0.06) + 0.5).clamp(0, 1) * dice.chance(0.12)
    outside = torch.maximum(outside, beyond)
    ground = dice.uniform(0.05, 1.6) * (1 + 0.1 * dice.field(8, 8) * dice.chance(0.5))
    return grey + outside * (ground - grey)


def light(grey: Tensor, dice: Dice) -> Tensor:
    """Gradients, vignettes, shadows with hard and soft edges, glare."""
    falling = 1 + (dice.x - 0.5) * dice.uniform(-0.6, 0.6) + (dice.y - 0.5) * dice.uniform(-0.6, 0.6)
    grey = grey * torch.where(dice.chance(0.4) > 0, falling, 1.0)
    grey = grey * (1 + dice.field(3, 3) * dice.uniform(0, 0.18) * dice.chance(0.3)).clamp(min=0.2)
    radius = (dice.x - 0.5).square() + (dice.y - 0.5).square()
    grey = grey * (1 - radius * dice.uniform(0, 1.2) * dice.chance(0.2))
    shadow = dice.half(dice.spread(0.01, 0.4)) * dice.chance(0.22)
    shadow = torch.maximum(shadow, dice.stripe(dice.uniform(0.05, 0.3), 0.1) * dice.chance(0.05))
    grey = grey * (1 - shadow * dice.uniform(0.1, 0.65))
    centre = (dice.x - dice.uniform()).square() + (dice.y - dice.uniform()).square()
    glare = (-centre / dice.spread(0.005, 0.1)).exp() * dice.chance(0.05)
    return grey + glare * dice.uniform(0.1, 0.6)


def rules(dice: Dice) -> Tensor:
    """Cover of ruled and squared paper, cell borders, dotted lines, underlines, boxes and bars."""
    size = dice.size
    thick = dice.spread(0.7, 2.2) / size
    tilt = (dice.uniform(-0.06, 0.06) + dice.uniform(-0.05, 0.05)) * dice.chance(0.7)

    def cover(along: Tensor, thickness: Tensor = thick) -> Tensor:
        return ((thickness / 2 - along.abs()) * size + 0.5).clamp(0, 1)

    down, across = dice.y + tilt * (dice.x - 0.5), dice.x - tilt * (dice.y - 0.5)

    def every(place: Tensor, period: Tensor) -> Tensor:
        return (place - dice.uniform() + period / 2).remainder(period) - period / 2

    period = dice.spread(0.12, 0.9)
    kind = dice.uniform()
    lined = cover(every(down, period)) * (kind < 0.09)
    squared = torch.maximum(cover(every(down, period)), cover(every(across, period))) * (
        (kind > 0.09) & (kind < 0.15)
    )
    dots = ((dice.x * dice.spread(8, 30)).remainder(1) < dice.uniform(0.2, 0.6)).to(torch.float32)
    line = cover(down - dice.uniform(0.6, 1.0), thick * dice.uniform(0.8, 2))
    single = line * torch.where(dice.chance(0.4) > 0, dots, 1.0) * ((kind > 0.15) & (kind < 0.23))
    found = torch.maximum(torch.maximum(lined, squared), single)
    whole = dice.chance(0.3)
    for place in (down, 1 - down, across, 1 - across):
        heavy = thick * dice.spread(0.8, 4)
        side = cover(place - dice.uniform(-0.02, 0.16), heavy) * torch.maximum(dice.chance(0.25), whole)
        found = torch.maximum(found, side * ((kind > 0.23) & (kind < 0.38)))
    return found


def camera(grey: Tensor, dice: Dice) -> Tensor:
    """Blur, motion, noise, sharpening and another gamma."""
    size = dice.size
    grey = _motion(grey, dice) if size >= 24 else grey
    amount = dice.uniform(0, 1.0) * dice.chance(0.5)
    soft = F.avg_pool2d(F.pad(grey.unsqueeze(1), (1, 1, 1, 1), mode="replicate"), 3, 1).squeeze(1)
    if size >= 64:
        wide = F.avg_pool2d(F.pad(soft.unsqueeze(1), (2, 2, 2, 2), mode="replicate"), 5, 1).squeeze(1)
        soft = torch.lerp(soft, wide, dice.uniform() * dice.chance(0.4))
    grey = torch.lerp(grey, soft, amount)
    grey = grey + (grey - soft) * dice.uniform(0, 1.2) * dice.chance(0.12) * (amount == 0)
    grey = grey + dice.noise() * dice.spread(0.002, 0.06) * dice.chance(0.6)
    grain = dice.noise() * dice.spread(0.02, 0.12) * grey.clamp(min=0).sqrt()
    grey = grey + grain * dice.chance(0.08)
    return grey.clamp(0, 1) ** torch.where(dice.chance(0.3) > 0, dice.spread(0.6, 1.6), 1.0)


def _motion(grey: Tensor, dice: Dice) -> Tensor:
    """A third of the share is blurred along a direction, all of this batch along one."""
    angle, reach = float(dice.uniform()[0, 0, 0]) * math.pi, 1 + 3 * float(dice.uniform()[0, 0, 0])
    steps = 5
    moved = torch.zeros_like(grey)
    padded = F.pad(grey.unsqueeze(1), (4, 4, 4, 4), mode="replicate").squeeze(1)
    for step in np.linspace(-reach, reach, steps):
        right, down = 4 + round(step * math.cos(angle)), 4 + round(step * math.sin(angle))
        moved += padded[:, down : down + dice.size, right : right + dice.size] / steps
    return torch.lerp(grey, moved, dice.chance(0.06))


def damage(grey: Tensor, dice: Dice) -> Tensor:
    """Specks, salt and pepper, spatter, missing rows, fog, inverted parts, grey crops on a flat ground."""
    level = dice.uniform(0.02, 0.3) * dice.chance(0.06)
    hit = dice.evenly()
    grey = torch.where(hit < level / 2, 0.0, torch.where(hit > 1 - level / 2, 1.0, grey))
    drops = (dice.field(max(3, dice.size // 4), max(3, dice.size // 4)) > dice.uniform(1.2, 2.2)).to(
        torch.float32
    )
    grey = grey + drops * dice.chance(0.05) * dice.uniform(-1, 1)
    missing = (dice.evenly(columns=1) < 0.06).to(torch.float32)
    grey = grey + missing * dice.chance(0.02) * (dice.uniform() - grey)
    fog = (dice.field(4, 4) + 0.6 * dice.field(9, 9) + 0.4 * dice.noise() * dice.chance(0.3)) * 0.25 + 0.5
    share = dice.uniform(0.2, 0.65) * dice.chance(0.05)
    grey = grey + share * (fog.clamp(0, 1) - grey)
    band = dice.half(1 / dice.size) * dice.chance(0.6)
    level_band = torch.where(dice.chance(0.5) > 0, dice.x, dice.y + 0 * dice.x)
    sides = ((level_band - 0.5).abs() > dice.uniform(0.15, 0.4)).to(torch.float32)
    turned = torch.where(dice.chance(0.5) > 0, band, sides) * dice.chance(0.05)
    grey = torch.lerp(grey, 1 - grey, turned)
    margin = dice.uniform(0.02, 0.18)
    near = torch.minimum(torch.minimum(dice.x, 1 - dice.x), torch.minimum(dice.y, 1 - dice.y))
    ground = (near < margin).to(torch.float32) * dice.chance(0.04)
    return grey + ground * ((dice.uniform() > 0.35).to(torch.float32) - grey)


def struck_lines(count: int, size: int, random: np.random.Generator) -> Tensor:
    """Cover (count, S, S) of thin, straight, dotted or zigzag lines that run through the picture."""
    covers = []
    for _ in range(count):
        picture = Image.new("L", (size * 2, size * 2))
        draw = ImageDraw.Draw(picture)
        corners = int(random.choice([2, 2, 2, 3, 5, 7, 9, 12]))
        along = np.linspace(random.uniform(-0.1, 0.4), random.uniform(0.6, 1.1), corners)
        reach = random.uniform(0.02, 0.25)
        off = random.uniform(0.1, 0.9) + np.where(np.arange(corners) % 2, reach, -reach) * random.uniform(
            0.5, 1
        )
        off = off + np.linspace(-1, 1, corners) * random.uniform(-0.2, 0.2)
        points = np.stack([along, off] if random.random() < 0.7 else [off, along], 1) * size * 2
        width = max(1, round(random.uniform(0.6, 2.0) * 2 * max(1, size / 48)))
        if random.random() < 0.4:
            places = np.concatenate(
                [
                    np.linspace(a, b, max(2, round(float(np.hypot(*(b - a))) / (width * 2.5))))
                    for a, b in pairwise(points)
                ]
            )
            for x, y in places:
                draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
        else:
            draw.line([tuple(each) for each in points], fill=255, width=width)
        covers.append(np.asarray(picture.resize((size, size), Image.Resampling.BOX)))
    return torch.tensor(np.stack(covers)).to(torch.float32) / 255


def compress(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture (H, W) uint8 after JPEG of a random quality."""
    kept = io.BytesIO()
    Image.fromarray(picture).save(kept, "JPEG", quality=int(random.integers(15, 96)))
    return np.asarray(Image.open(kept))
