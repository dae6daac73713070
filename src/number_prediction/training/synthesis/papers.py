"""Paper and camera: rules, borders and specks around numbers, then blur, low resolution, pale ink and noise.

In: lines of ink (H, W) or (B, H, W) float32 in [0, 1], 1 is ink. `add_rules` changes its line in place,
`spoil` returns a new tensor.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.training.augmentation.strokes import soften
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX

CLEAN_SHARE = 0.3
"""Share of the lines without marks of the paper, and of the lines that the camera leaves unchanged."""
UNIT_PX = DIGIT_HEIGHT_PX / 22
"""Unit of the sizes below."""


def add_rules(line: Tensor, random: np.random.Generator) -> None:
    """Make one line (H, W) paler and add rules, borders and specks, each with some probability, in place."""
    if random.random() < CLEAN_SHARE:
        return
    if random.random() < 0.12:
        line *= random.uniform(0.3, 1)
    sheet = _Ruled(line, float(random.uniform(0.25, 1.0)))
    _add_horizontals(sheet, random)
    _add_borders(sheet, random)
    if random.random() < 0.1:  # specks
        for _ in range(random.integers(1, 5)):
            row, column = (int(random.integers(side)) for side in line.shape)
            speck = line[row : row + int(random.integers(1, 4)), column : column + int(random.integers(1, 4))]
            speck.fill_(sheet.ink)


def _add_horizontals(sheet: _Ruled, random: np.random.Generator) -> None:
    """Add rules, underlines and dotted lines."""
    height, width = sheet.line.shape
    if random.random() < 0.08:  # a rule from edge to edge
        sheet.horizontal(
            random.uniform(0, height), 0, width, random.uniform(0.5, 1.8), random.normal(0, 0.01)
        )
    if random.random() < 0.05:
        y = random.choice([random.uniform(0, 3 * UNIT_PX), random.uniform(height - 4 * UNIT_PX, height)])
        sheet.horizontal(y, 0, width, random.uniform(0.6, 2.5), random.normal(0, 0.01))
    if random.random() < 0.08:  # an underline
        begin = int(random.integers(0, max(1, width // 2)))
        end = int(random.integers(begin + 8, width + 1)) if begin + 8 < width else width
        y = random.uniform(height - 8 * UNIT_PX, height - 1)
        sheet.horizontal(y, begin, end, random.uniform(0.7, 2.2), random.normal(0, 0.03))
    if random.random() < 0.08:  # dots to write on
        y, step = random.uniform(height - 13 * UNIT_PX, height - 1), random.uniform(3, 8) * UNIT_PX
        sheet.dotted(y, random.uniform(0, width / 2), step, random.uniform(0.8, 2) * UNIT_PX)


def _add_borders(sheet: _Ruled, random: np.random.Generator) -> None:
    """Add borders at the sides, dark corners and squares."""
    height, width = sheet.line.shape
    if random.random() < 0.1:
        side, slope = random.random(), random.normal(0, 0.06)
        thick = min(10, random.uniform(0.6, 1) + random.geometric(0.5) - 1) * UNIT_PX
        if side < 0.7:
            sheet.vertical(random.uniform(0, 10 * UNIT_PX), thick, slope)
        if side > 0.5:
            sheet.vertical(width - thick - random.uniform(0, 8 * UNIT_PX), thick, slope)
    if random.random() < 0.03:
        reach, slope = random.uniform(0, 14 * UNIT_PX), random.normal(0, 0.4)
        sheet.vertical(reach - width if random.random() < 0.5 else width - reach, width, slope)
    if random.random() < 0.02:
        step = int(random.integers(8, 20) * UNIT_PX)
        for column in range(int(random.integers(step)), width, step):
            sheet.vertical(column, 1)
        for row in range(int(random.integers(step)), height, step):
            sheet.horizontal(row, 0, width, 1)


class _Ruled:
    """A line (H, W); rules are drawn on it in place."""

    def __init__(self, line: Tensor, ink: float) -> None:
        self.line, self.ink = line, ink
        self.rows = torch.arange(line.shape[0]).unsqueeze(1)
        self.columns = torch.arange(line.shape[1])

    def horizontal(self, y: float, begin: float, end: float, thick: float, slope: float = 0.0) -> None:
        """Draw from column `begin` to `end`, at height `y` at its beginning."""
        top = y + slope * (self.columns - begin)
        inside = (self.columns >= begin) & (self.columns < end)
        self._draw(_cover(self.rows, top, thick) * inside)

    def vertical(self, x: float, thick: float, slope: float = 0.0) -> None:
        """Draw from edge to edge, at `x` at half the height."""
        self._draw(_cover(self.columns, x + slope * (self.rows - self.line.shape[0] / 2), thick))

    def dotted(self, y: float, begin: float, step: float, dot: float) -> None:
        """Draw square dots up to the right edge."""
        along = (self.columns - begin).remainder(step)
        inside = (self.columns >= begin) * (torch.minimum(along + 1, torch.tensor(dot)) - along).clamp(0, 1)
        self._draw(_cover(self.rows, torch.tensor(y), dot) * inside)

    def _draw(self, cover: Tensor) -> None:
        torch.maximum(self.line, cover * self.ink, out=self.line)


def _cover(pixel: Tensor, begin: Tensor, thick: float) -> Tensor:
    """Share of each pixel that lies between `begin` and `begin + thick`."""
    return (torch.minimum(pixel + 1, begin + thick) - torch.maximum(pixel, begin)).clamp(0, 1)


def spoil(lines: Tensor, random: np.random.Generator) -> Tensor:
    """Lines (B, H, W) with blur, low resolution, pale ink, noise and harder strokes."""
    count, height, width = lines.shape

    def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.tensor(random.uniform(low, high, (count, 1, 1)), dtype=torch.float32)

    clean = lines / lines.amax((1, 2), keepdim=True).clamp(min=1e-3)
    lines = torch.lerp(lines, soften(lines), draw(-0.8, 1.2).clamp(0, 1))
    if random.random() < 0.25:
        scale = random.uniform(0.32, 0.9)
        small = F.interpolate(lines.unsqueeze(1), scale_factor=(scale, scale), mode="area")
        low = F.interpolate(small, (height, width), mode="bilinear").squeeze(1)
        lines = torch.where(draw() < 0.6, low, lines)
    noise = torch.tensor(random.normal(0, 1, (count, height, width)), dtype=torch.float32)
    lines = lines + noise * draw(-0.16, 0.08).clamp(min=0)
    gain = 1 + draw().square() * 2
    lines = lines / lines.amax((1, 2), keepdim=True).clamp(min=1e-3)  # as the line framing does
    lines = ((lines - 0.35 * (1 - 1 / gain) * (draw() < 0.6)) * gain).clamp(0, 1)
    return torch.where(draw() < CLEAN_SHARE, clean, lines * draw(0.85, 1.0))
