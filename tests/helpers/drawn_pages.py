"""Pages of numbers, drawn: MNIST test digits on plain, ruled or squared paper, with light, slope and clutter.

What stands where is known because it was put there. For tests and for benchmarks/pages.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from number_prediction.datasets.split import Split
from number_prediction.images.geometry import Box, Points, box_of, rotation
from number_prediction.training.synthesis.pen import smooth
from number_prediction.training.synthesis.stroke_tables import OTHERS

INKED = 80
"""Ink of a digit from which a pixel counts for its box."""
LETTERS = tuple(letter for letter in "abdefhkmnprtuwxyAEFGHKMNRW" if letter in OTHERS)


def cells_of(box: Box, count: int) -> list[Box]:
    """A field's cells side by side, of equal width."""
    width = box.width / count
    return [Box(box.left + cell * width, box.top, width, box.height) for cell in range(count)]


@dataclass(frozen=True)
class Truth:
    """A number on a page."""

    text: str
    corners: Points
    """(4, 2) of its ink, clockwise from the upper left of the writing."""

    @property
    def box(self) -> Box:
        return box_of(self.corners)


@dataclass(frozen=True, eq=False)
class DrawnPage:
    picture: NDArray[np.uint8]
    numbers: tuple[Truth, ...]


class Drawing:
    """A sheet of paper to write numbers on."""

    def __init__(self, width: int, height: int, digits: Split, *, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.ink = np.zeros((height, width), np.float32)  # share of the paper's light that is taken away
        self.numbers: list[Truth] = []
        self._of_label = [np.flatnonzero(digits.labels == label) for label in range(10)]
        self._images = digits.images

    def rule(self, step: int, *, squared: bool = False, dark: float = 0.25, thick: int = 2) -> None:
        for y in range(step, self.ink.shape[0], step):
            self._darken(slice(y, y + thick), slice(None), dark)
        for x in range(step, self.ink.shape[1], step) if squared else ():
            self._darken(slice(None), slice(x, x + thick), dark)

    def frame(self, box: Box, *, dark: float = 0.7, thick: int = 3) -> None:
        left, top, right, bottom = (round(v) for v in (box.left, box.top, box.right, box.bottom))
        for y in (top, bottom):
            self._darken(slice(y, y + thick), slice(left, right + thick), dark)
        for x in (left, right):
            self._darken(slice(top, bottom + thick), slice(x, x + thick), dark)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        height: float,
        *,
        slope: float = 0.0,
        gap: tuple[float, float] = (0.06, 0.3),
        dark: float = 0.75,
        is_number: bool = True,
    ) -> float:
        """Write from (x, y), the upper left of the first glyph; returns where the text ends."""
        sheet = Image.new("L", (round((len(text) + 2) * height * 1.4), round(2 * height)))
        place = height * 0.5
        ink_of: list[tuple[float, float, float, float]] = []
        for glyph in text:
            tall = height * self.random.uniform(0.9, 1.1)
            picture = self._glyph(glyph, tall)
            drop = self.random.uniform(-0.04, 0.04) * height
            top = height / 2 + drop + {",": 0.85, ".": 0.85, "-": 0.42}.get(glyph, 0.0) * height
            lightened = Image.new("L", sheet.size)
            lightened.paste(picture, (round(place), round(top)))
            sheet = Image.fromarray(np.maximum(np.asarray(sheet), np.asarray(lightened)))
            ink_of.append(
                (round(place), round(top), round(place) + picture.width, round(top) + picture.height)
            )
            place += picture.width + self.random.uniform(*gap) * height
        size = 2 * math.ceil(place + height)  # the text turns about its beginning
        start = (ink_of[0][0], height / 2)
        turn = rotation(slope, start, (size / 2, size / 2))
        turned = sheet.transform(
            (size, size), Image.Transform.AFFINE, turn.inverse, Image.Resampling.BILINEAR
        )
        left, top = round(x - size / 2), round(y - size / 2)
        height_, width_ = self.ink.shape
        rows = slice(max(0, top), min(height_, top + size))
        columns = slice(max(0, left), min(width_, left + size))
        part = np.asarray(turned)[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        self.ink[rows, columns] = np.maximum(self.ink[rows, columns], part * np.float32(dark / 255))
        if is_number:
            boxes = np.array(ink_of)
            (l_, t_), (r_, b_) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
            corners = turn(Box(l_, t_, r_ - l_, b_ - t_).corners) + np.array([left, top])
            self.numbers.append(Truth(text, corners))
        return x + place - start[0]

    def word(self, x: float, y: float, height: float, letters: int = 5) -> float:
        """A word of drawn letters, which is no number."""
        text = "".join(self.random.choice(LETTERS, letters))
        return self.write(text, x, y, height, is_number=False, gap=(0.02, 0.15))

    def blob(self, x: float, y: float, size: float) -> None:
        picture = Image.new("L", self.ink.shape[::-1])
        ImageDraw.Draw(picture).ellipse([x, y, x + size, y + 0.7 * size], fill=255)
        self.ink = np.maximum(self.ink, np.asarray(picture).astype(np.float32) * (0.7 / 255))

    def finish(
        self,
        *,
        turn: float = 0.0,
        shadow: float = 0.0,
        noise: float = 0.0,
        blur: float = 0.0,
        paper: float = 235.0,
        table: float | None = None,
        inverted: bool = False,
    ) -> DrawnPage:
        """Light falls on it: `shadow` is the share of it that the dark end loses; `turn` in degrees."""
        height, width = self.ink.shape
        light = Image.fromarray(paper * (1 - self.ink))
        ground = paper if table is None else table
        cos, sin = abs(math.cos(math.radians(turn))), abs(math.sin(math.radians(turn)))
        size = (math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos))
        move = rotation(turn, (width / 2, height / 2), (size[0] / 2, size[1] / 2))
        if turn:
            light = light.transform(
                size, Image.Transform.AFFINE, move.inverse, Image.Resampling.BILINEAR, fillcolor=ground
            )
        if blur:
            small = Image.fromarray(np.asarray(light).astype(np.uint8))
            light = small.filter(ImageFilter.GaussianBlur(blur))
        values = np.asarray(light).astype(np.float32)
        if shadow:
            down = np.linspace(0, 1, values.shape[0], dtype=np.float32)[:, np.newaxis]
            across = np.linspace(0, 1, values.shape[1], dtype=np.float32)
            values = values * (1 - shadow * (0.6 * across + 0.4 * down))
            edge = across + 0.5 * down > 0.9  # the shadow of a hand
            values = np.where(edge, 0.75 * values, values)
        if noise:
            values = values + self.random.standard_normal(values.shape, np.float32) * noise
        picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        truths = tuple(Truth(number.text, move(number.corners)) for number in self.numbers)
        return DrawnPage(255 - picture if inverted else picture, truths)

    def _darken(self, rows: slice, columns: slice, dark: float) -> None:
        self.ink[rows, columns] = np.maximum(self.ink[rows, columns], dark)

    def _glyph(self, glyph: str, tall: float) -> Image.Image:
        """Ink of one glyph, cut to its box; digits are `tall` pixels high."""
        if glyph.isdigit():
            frame = self._images[int(self.random.choice(self._of_label[int(glyph)]))]
            inked = frame > INKED
            rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
            cut = Image.fromarray(frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
            wide = cut.width * tall / cut.height
            return cut.resize((max(2, round(wide)), round(tall)), Image.Resampling.BICUBIC)
        pen = max(2.0, 0.11 * tall)
        if glyph in ".,-":
            wide, high = {".": (pen, pen), ",": (pen, 2.2 * pen), "-": (0.4 * tall, pen)}[glyph]
            return Image.new("L", (round(1.3 * wide), round(1.3 * high)), 255)
        strokes = OTHERS[glyph][0]
        picture = Image.new("L", (round(0.75 * tall), round(tall)))
        draw = ImageDraw.Draw(picture)
        for stroke in strokes:
            points = np.array(stroke.points) + self.random.normal(0, 0.03, (len(stroke.points), 2))
            points = np.clip(points, 0.06, 0.94) * picture.size
            line = smooth(points) if stroke.is_curved else points
            draw.line([tuple(point) for point in line], fill=255, width=round(pen), joint="curve")
        return picture


def match(truths: Sequence[Box], found: Sequence[Box], *, least: float = 0.5) -> dict[int, int]:
    """Truth -> what was found there, by the greatest overlap of at least `least`, each once."""
    from number_prediction.images.geometry import overlap

    pairs = sorted(
        ((overlap(t, f), i, j) for i, t in enumerate(truths) for j, f in enumerate(found)), reverse=True
    )
    matched: dict[int, int] = {}
    for share, i, j in pairs:
        if share >= least and i not in matched and j not in matched.values():
            matched[i] = j
    return matched
