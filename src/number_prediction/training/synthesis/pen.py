"""Writings -> pictures: strokes drawn by a random hand with a random pen.

A writing is one way to write a digit or sign, as strokes. Out: ink (PICTURE_SIDE_PX, PICTURE_SIDE_PX) uint8,
255 is ink. Random values come from a NumPy generator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from number_prediction.training.synthesis.stroke_tables import Writing

PICTURE_SIDE_PX = 84
"""Side of a picture."""
OVERSAMPLING = 2
"""Pictures are drawn this many times larger and then reduced, for smooth edges."""
WRITING_HEIGHT_PX, MAX_WRITING_WIDTH_PX = 66.0, 70.0
"""Height of a writing, and its largest width; a wider one is made smaller."""
MIN_PEN_WIDTH_PX = 1.4
MARGIN_PX = 4
"""Blank margin on each side of a picture."""

Points = NDArray[np.float64]
"""(K, 2) x and y in pixels."""


class Canvas:
    """An empty picture to draw on."""

    def __init__(self) -> None:
        self._picture = Image.new("L", (PICTURE_SIDE_PX * OVERSAMPLING, PICTURE_SIDE_PX * OVERSAMPLING), 0)
        self.draw = ImageDraw.Draw(self._picture)
        """Pillow's pen; its coordinates are pixels of the oversampled picture."""

    def stroke(self, points: Points, width: float) -> None:
        """Draw a line through points with round ends; `width` in pixels."""
        places = [
            tuple(point) for point in np.clip(points, MARGIN_PX, PICTURE_SIDE_PX - MARGIN_PX) * OVERSAMPLING
        ]
        self.draw.line(places, fill=255, width=max(1, round(OVERSAMPLING * width)), joint="curve")
        radius = OVERSAMPLING * width / 2
        for x, y in (places[0], places[-1]):
            self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)

    def picture(self) -> NDArray[np.uint8]:
        """(PICTURE_SIDE_PX, PICTURE_SIDE_PX) uint8."""
        return np.asarray(self._picture.resize((PICTURE_SIDE_PX, PICTURE_SIDE_PX), Image.Resampling.BOX))


def write(writing: Writing, generator: np.random.Generator, *, widest: float) -> NDArray[np.uint8]:
    """Draw one writing: points moved a little, stretched, slanted, with a pen of up to `widest` pixels."""
    sheet = Canvas()
    pen = float(np.exp(generator.uniform(np.log(MIN_PEN_WIDTH_PX), np.log(widest))))
    tremble = generator.uniform(0.01, 0.06)
    slant = generator.uniform(-0.25, 0.35)
    width, height = 0.8 * WRITING_HEIGHT_PX * float(np.exp(generator.uniform(-0.6, 0.55))), WRITING_HEIGHT_PX
    if width > MAX_WRITING_WIDTH_PX:
        width, height = MAX_WRITING_WIDTH_PX, height * MAX_WRITING_WIDTH_PX / width
    for stroke in writing:
        points = np.array(stroke.points) - 0.5
        points += generator.normal(0, tremble, points.shape)
        points[:, 0] -= slant * points[:, 1]
        points = points * (width, height) + PICTURE_SIDE_PX / 2
        sheet.stroke(smooth(points) if stroke.is_curved else points, pen)
    return sheet.picture()


def smooth(points: Points, steps: int = 24) -> Points:
    """Catmull-Rom spline (Catmull and Rom, 1974) through the points, `steps` points from each to the next."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, begin, end, after = (padded[i : len(padded) - 3 + i, np.newaxis] for i in range(4))
    t = np.linspace(0, 1, steps)[np.newaxis, :, np.newaxis]
    linear = (end - before) * t
    square = (2 * before - 5 * begin + 4 * end - after) * t**2
    cubic = (3 * begin - before - 3 * end + after) * t**3
    curve: Points = (2 * begin + linear + square + cubic) / 2
    return curve.reshape(-1, 2)
