"""What is printed or drawn around a line, such as cells, boxes and rules; and which part is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from number_prediction.training.synthesis.paper_lines.glyphs import DIGIT_PX, Mask
from number_prediction.training.synthesis.paper_lines.sheet import Sheet

CELLS, EMPTY_CELLS = 0.36, 0.7
"""Shares of the lines in a cell, of those with writing and of empty ones."""
BASE_LINES, UNDERLINES, BOXES, COMBS, RULES, BARS, SPECKS = 0.24, 0.07, 0.08, 0.12, 0.08, 0.06, 0.15
"""Shares of the lines with each."""
LOWEST_SPECK = 0.7
"""Specks stand above this share of a digit's height: on the base line they could be points."""
_SCALE = 2


@dataclass
class Window:
    """The part of a sheet that is photographed, in pixels of the sheet."""

    top: float
    bottom: float
    left: float
    right: float


class Surroundings:
    """Draws what stands around one line."""

    def __init__(self, sheet: Sheet, random: np.random.Generator) -> None:
        self._sheet, self._random = sheet, random
        self._height, self._width = sheet.written.shape
        self._picture = Image.new("L", (self._width * _SCALE, self._height * _SCALE))
        self._draw = ImageDraw.Draw(self._picture)
        self._tilt = random.normal(0, 1.5)
        self.top, self.bottom, self.left, self.right = sheet.box()
        self.window = self._draw_window()

    def mask(self) -> Mask:
        """Cover (H, W) of all that was drawn."""
        reduced = self._picture.resize((self._width, self._height), Image.Resampling.BOX)
        return np.asarray(reduced, np.float32) / np.float32(255)

    def _draw_window(self) -> Window:
        """Tight or with margins around the ink."""
        random = self._random

        def margin() -> float:
            is_loose = random.random() < 0.75
            return DIGIT_PX * (random.uniform(0.02, 0.9) if is_loose else random.uniform(-0.05, 0.12))

        window = Window(
            self.top - margin(), self.bottom + margin(), self.left - margin(), self.right + margin()
        )
        if random.random() < 0.2:
            window.left = self.left - DIGIT_PX * random.uniform(0, 1.6)
            window.right = self.right + DIGIT_PX * random.uniform(0, 1.6)
        return window

    def _pen(self, thinnest: float = 1.0, thickest: float = 5.0) -> int:
        width = math.exp(self._random.uniform(math.log(thinnest), math.log(thickest)))
        return max(1, round(_SCALE * width))

    def _line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        width: int,
        *,
        dash: float = 0.0,
        strength: int = 255,
    ) -> None:
        """A line; of dashes, `dash` pixels from one to the next, where that is not 0."""
        (x, y), (right, down) = start, end
        count = max(2, int(math.hypot(right - x, down - y) / dash)) if dash else 1
        for index in range(count):
            shares = (index / count, (index + 0.5) / count) if dash else (0.0, 1.0)
            places = [
                (_SCALE * (x + (right - x) * share), _SCALE * (y + (down - y) * share)) for share in shares
            ]
            self._draw.line(places, fill=strength, width=width)

    def _across(self, row: float, width: int, *, dash: float = 0.0, strength: int = 255) -> None:
        self._line((0, row), (self._width, row + self._tilt), width, dash=dash, strength=strength)

    def _down(self, column: float, width: int, *, strength: int = 255) -> None:
        self._line((column, 0), (column + self._tilt, self._height), width, strength=strength)

    def draw_cell(self) -> None:
        """A cell of a table: all borders or some, near the writing or through it."""
        random, unit = self._random, DIGIT_PX
        thick = self._pen(1.2, 6)
        left, right = (
            self.left - unit * random.uniform(0.02, 0.6),
            self.right + unit * random.uniform(0.02, 0.6),
        )
        top, bottom = self.top - unit * random.uniform(0.02, 0.5), self.bottom + unit * random.uniform(0, 0.5)
        if random.random() < 0.15:
            bottom = self._sheet.base - unit * random.uniform(-0.05, 0.1)
        if random.random() < 0.25:
            left = self.left + unit * random.uniform(-0.02, 0.1)
        if random.random() < 0.15:
            right = self.right - unit * random.uniform(-0.02, 0.1)
        is_drawn = random.random(4) < random.choice([0.4, 0.75, 1.0])
        sides: tuple[tuple[Callable[[float, int], None], float], ...] = (
            (self._down, left),
            (self._down, right),
            (self._across, top),
            (self._across, bottom),
        )
        for (side, place), drawn in zip(sides, is_drawn, strict=True):
            if drawn:
                side(place, thick if random.random() < 0.65 else self._pen(1, 5))
        if random.random() < 0.7:
            self.window.left = left - unit * random.uniform(-0.01, 0.18)
            self.window.right = right + unit * random.uniform(-0.01, 0.18)
        if random.random() < 0.7:
            self.window.top = min(self.top + 2, top - unit * random.uniform(-0.01, 0.2))
            self.window.bottom = max(self.bottom - 2, bottom + unit * random.uniform(-0.01, 0.3))

    def draw_base_line(self) -> None:
        """A line to write on, dotted or whole, from edge to edge or in part."""
        random = self._random
        row = self._sheet.base + DIGIT_PX * random.uniform(-0.12, 0.3)
        dash = DIGIT_PX * random.uniform(0.06, 0.3) if random.random() < 0.7 else 0.0
        strength = int(random.integers(90, 255))
        if random.random() < 0.65:
            self._across(row, self._pen(0.8, 3), dash=dash, strength=strength)
            return
        begin, end = np.sort(random.uniform(self.window.left, self.window.right, 2))
        self._line((begin, row), (end, row), self._pen(0.8, 3), dash=dash, strength=strength)

    def underline(self) -> None:
        random = self._random
        row = self.bottom + DIGIT_PX * random.uniform(0, 0.25)
        for index in range(int(random.choice([1, 1, 2]))):
            ends = DIGIT_PX * random.uniform(-0.2, 0.3, 2)
            height = row + index * 0.12 * DIGIT_PX
            end = (self.right + ends[1], height + random.normal(0, 3))
            self._line((self.left - ends[0], height), end, self._pen(1, 4))

    def draw_box(self) -> None:
        """A box, a ring, two sides, or a box that is open above."""
        random, kind = self._random, self._random.random()
        width = self._pen()
        beside, above = DIGIT_PX * random.uniform(0.12, 0.6), DIGIT_PX * random.uniform(0.08, 0.45)
        left, top, right, bottom = (
            self.left - beside,
            self.top - above,
            self.right + beside,
            self.bottom + above,
        )
        if 0.35 <= kind < 0.6:
            wider, higher = 0.16 * (right - left), 0.16 * (bottom - top)
            left, top, right, bottom = left - wider, top - higher, right + wider, bottom + higher
        corners = [_SCALE * each for each in (left, top, right, bottom)]
        if kind < 0.35:
            self._draw.rectangle(corners, outline=255, width=width)
        elif kind < 0.6:
            self._draw.ellipse(corners, outline=255, width=width)
        else:
            for column in (left, right):
                self._line((column, top), (column + random.normal(0, 1), bottom), width)
            if kind >= 0.8:
                self._line((left, bottom), (right, bottom), width)
        self.window.left, self.window.right = (
            min(self.window.left, left - 4),
            max(self.window.right, right + 4),
        )
        if random.random() < 0.8:
            self.window.top = min(self.window.top, top - 4)
            self.window.bottom = max(self.window.bottom, bottom + 4)

    def draw_comb(self, between: list[float]) -> None:
        """A box for each digit; `between` are the columns that part them."""
        random, width = self._random, self._pen(1, 3.5)
        top, bottom = (
            self.top - DIGIT_PX * random.uniform(0.05, 0.3),
            self.bottom + DIGIT_PX * random.uniform(0.05, 0.3),
        )
        first, last = (
            self.left - DIGIT_PX * random.uniform(0.1, 0.3),
            self.right + DIGIT_PX * random.uniform(0.1, 0.3),
        )
        for column in (first, *between, last):
            self._line((column, top), (column, bottom), width)
        if random.random() < 0.8:
            for row in (top, bottom):
                self._line((first, row), (last, row), width)

    def draw_rules(self) -> None:
        """Ruled or squared paper."""
        random = self._random
        pitch, width, strength = (
            DIGIT_PX * random.uniform(0.5, 1.9),
            self._pen(0.8, 2.4),
            int(random.integers(50, 200)),
        )
        is_squared = random.random() < 0.5
        for row in np.arange(random.random() * pitch, self._height, pitch):
            self._across(float(row), width, strength=strength)
        if is_squared:
            for column in np.arange(random.random() * pitch, self._width, pitch):
                self._down(float(column), width, strength=strength)

    def draw_specks(self) -> None:
        """Dirt that is no point: dots between and beside the digits, above the base line."""
        random = self._random
        for _ in range(int(random.integers(1, 7))):
            radius = _SCALE * random.uniform(0.5, 2.5)
            row = self._sheet.top_of_digits + DIGIT_PX * random.uniform(-0.6, LOWEST_SPECK)
            column = random.uniform(self.window.left, self.window.right)
            x, y = _SCALE * column, _SCALE * row
            self._draw.ellipse(
                [x - radius, y - radius, x + radius, y + radius], fill=int(random.integers(80, 256))
            )
