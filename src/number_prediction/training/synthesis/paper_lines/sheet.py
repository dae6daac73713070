"""A line's ink on a sheet with room around it: slanted, struck out, beside other writing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from number_prediction.training.synthesis.paper_lines.glyphs import DIGIT_PX, Mask
from number_prediction.training.synthesis.paper_lines.hand import PaperHand
from number_prediction.training.synthesis.paper_lines.writing import LineInk
from number_prediction.training.synthesis.pen import smooth

ROOM_PX = int(1.6 * DIGIT_PX)
"""Room around the line for what stands beside it."""
MIN_SLANT = 0.02
MIN_TURN_DEGREES = 0.3


@dataclass
class Sheet:
    """Ink of one line, and of its neighbours, (H, W) each."""

    written: Mask
    """What is to be read."""
    beside: Mask
    """Other lines."""
    top_of_digits: float
    begin: float
    """First column of the line's glyphs."""
    end: float
    """Column behind its last glyph."""

    @property
    def base(self) -> float:
        return self.top_of_digits + DIGIT_PX

    def box(self) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of the ink; of where it would stand on an empty line."""
        marked = self.written > 0.2
        rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
        if len(rows) == 0:
            return int(self.top_of_digits), int(self.base), int(self.begin), int(self.end)
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def lay_on_sheet(ink: LineInk) -> Sheet:
    """A sheet with a line in the middle."""
    written = np.pad(ink.mask, ROOM_PX)
    spans = ink.spans or [(0, ink.mask.shape[1])]
    return Sheet(
        written,
        np.zeros_like(written),
        ROOM_PX + ink.top_of_digits,
        ROOM_PX + spans[0][0],
        ROOM_PX + spans[-1][1],
    )


def strike_out(sheet: Sheet, hand: PaperHand, random: np.random.Generator) -> None:
    """Strike the line out: level, slanting, crossed or in a zigzag."""
    picture = Image.fromarray((255 * sheet.written).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    mass = np.cumsum(sheet.written.sum(1))
    high, upper, lower, low = (
        float(np.searchsorted(mass, share * mass[-1])) for share in (0.03, 0.22, 0.78, 0.97)
    )
    begin, end = sheet.begin, sheet.end
    width = max(2, int(hand.pen_px * random.uniform(0.7, 1.4)))
    count, kind = int(random.choice([1, 1, 1, 2, 3])), random.random()

    def stroke(points: list[tuple[float, float]]) -> None:
        draw.line(points, fill=255, width=width)

    def near(row: float) -> float:
        return row + random.normal(0, 4)

    if kind < 0.45:
        for _ in range(count):
            row, reach = random.uniform(upper, lower), DIGIT_PX * random.uniform(0, 0.4, 2)
            stroke([(begin - reach[0], near(row)), (end + reach[1], near(row))])
    elif kind < 0.65:
        for _ in range(count):
            reach = DIGIT_PX * random.uniform(-0.1, 0.3, 2)
            stroke([(begin - reach[0], near(low)), (end + reach[1], near(high))])
    elif kind < 0.82:
        stroke([(begin, near(low)), (end, near(high))])
        stroke([(begin, near(high)), (end, near(low))])
    else:
        corners = int(random.integers(6, 20))
        columns = np.linspace(begin - 3, end + 3, corners) + random.normal(0, 4, corners)
        rows = np.where(np.arange(corners) % 2, high, low) + random.normal(0, 8, corners)
        curve = smooth(np.stack([columns, rows], 1), 8)
        stroke([(float(x), float(y)) for x, y in curve])
    sheet.written = np.asarray(picture, np.float32) / np.float32(255)


def write_beside(sheet: Sheet, ink: LineInk, random: np.random.Generator) -> bool:
    """Write another number right of the line, which is to be read too; False where there is no room."""
    left = int(sheet.end + DIGIT_PX * random.uniform(0.2, 0.9))
    top = round(sheet.top_of_digits - ink.top_of_digits)
    height, width = ink.mask.shape
    if top < 0 or top + height > sheet.written.shape[0]:
        return False
    missing = max(0, left + width + ROOM_PX - sheet.written.shape[1])
    sheet.written = np.pad(sheet.written, ((0, 0), (0, missing)))
    sheet.beside = np.pad(sheet.beside, ((0, 0), (0, missing)))
    part = sheet.written[top : top + height, left : left + width]
    np.maximum(part, ink.mask, out=part)
    sheet.end = left + width
    return True


def add_neighbour(sheet: Sheet, ink: LineInk, top_of_digits: float, left: float) -> None:
    """Writing of another line; what lies beyond the sheet is cut off."""
    y, x = round(top_of_digits - ink.top_of_digits), round(left)
    rows, columns = max(0, y), max(0, x)
    part = sheet.beside[rows : max(0, y + ink.mask.shape[0]), columns : max(0, x + ink.mask.shape[1])]
    source = ink.mask[rows - y : rows - y + part.shape[0], columns - x : columns - x + part.shape[1]]
    np.maximum(part, source, out=part)


def slant(sheet: Sheet, hand: PaperHand) -> None:
    """Slant and turn all writing about the middle of the digits, on a sheet made wider for it."""
    extra = int(1.3 * abs(hand.shear) * DIGIT_PX) + 8
    sheet.written = np.pad(sheet.written, ((0, 0), (extra, extra)))
    sheet.beside = np.pad(sheet.beside, ((0, 0), (extra, extra)))
    sheet.begin += extra
    sheet.end += extra
    if abs(hand.shear) <= MIN_SLANT and abs(hand.rotation_degrees) <= MIN_TURN_DEGREES:
        return
    turn = math.radians(hand.rotation_degrees)
    turning = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    matrix = turning @ np.array([[1, hand.shear], [0, 1]])
    middle = np.array([sheet.written.shape[1] / 2, sheet.base - DIGIT_PX / 2])
    offset = middle - matrix @ middle
    to_source = (*matrix[0], offset[0], *matrix[1], offset[1])

    def warp(layer: Mask) -> Mask:
        if not layer.any():
            return layer
        picture = Image.fromarray((255 * layer.clip(0, 1)).astype(np.uint8))
        warped = picture.transform(picture.size, Image.Transform.AFFINE, to_source, Image.Resampling.BILINEAR)
        return np.asarray(warped, np.float32) / np.float32(255)

    sheet.written, sheet.beside = warp(sheet.written), warp(sheet.beside)
