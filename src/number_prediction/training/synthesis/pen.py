"""Writings -> pictures: strokes drawn by a random hand with a random pen.

Out: ink (SIDE, SIDE) uint8, 255 is ink. Random values come from a NumPy generator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from number_prediction.training.synthesis.stroke_tables import Writing

SIDE = 84
"""Of the picture, in pixels."""
OVERSAMPLED = 2
"""Drawn this much larger and reduced, for smooth edges."""
HEIGHT, WIDEST = 66.0, 70.0
"""Height of a writing, and its width at most, in pixels."""
THINNEST = 1.4
"""Width of the thinnest pen, in pixels."""
MARGIN = 4

Points = NDArray[np.float64]
"""(K, 2) x and y in pixels."""


class Canvas:
    """An empty picture to draw on."""

    def __init__(self) -> None:
        self._picture = Image.new("L", (SIDE * OVERSAMPLED, SIDE * OVERSAMPLED), 0)
        self.draw = ImageDraw.Draw(self._picture)
        """Draws in pixels of the oversampled picture."""

    def stroke(self, points: Points, width: float) -> None:
        """Draw a line through points with round ends; `width` in pixels."""
        places = [tuple(point) for point in np.clip(points, MARGIN, SIDE - MARGIN) * OVERSAMPLED]
        self.draw.line(places, fill=255, width=max(1, round(OVERSAMPLED * width)), joint="curve")
        radius = OVERSAMPLED * width / 2
        for x, y in (places[0], places[-1]):
            self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)

    def picture(self) -> NDArray[np.uint8]:
        """(SIDE, SIDE) uint8."""
        return np.asarray(self._picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def write(writing: Writing, generator: np.random.Generator, *, widest: float) -> NDArray[np.uint8]:
    """One writing, each point moved a little, stretched, slanted, with a pen of up to `widest` pixels."""
    sheet = Canvas()
    pen = float(np.exp(generator.uniform(np.log(THINNEST), np.log(widest))))
    tremble = generator.uniform(0.01, 0.06)
    slant = generator.uniform(-0.25, 0.35)
    width, height = 0.8 * HEIGHT * float(np.exp(generator.uniform(-0.6, 0.55))), HEIGHT
    if width > WIDEST:
        width, height = WIDEST, height * WIDEST / width
    for stroke in writing:
        points = np.array(stroke.points) - 0.5
        points += generator.normal(0, tremble, points.shape)
        points[:, 0] -= slant * points[:, 1]
        points = points * (width, height) + SIDE / 2
        sheet.stroke(smooth(points) if stroke.is_curved else points, pen)
    return sheet.picture()


def smooth(points: Points, steps: int = 24) -> Points:
    """Catmull-Rom spline (Catmull and Rom, 1974) through the points, `steps` places between two of them."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, begin, end, after = (padded[i : len(padded) - 3 + i, np.newaxis] for i in range(4))
    t = np.linspace(0, 1, steps)[np.newaxis, :, np.newaxis]
    linear = (end - before) * t
    square = (2 * before - 5 * begin + 4 * end - after) * t**2
    cubic = (3 * begin - before - 3 * end + after) * t**3
    curve: Points = (2 * begin + linear + square + cubic) / 2
    return curve.reshape(-1, 2)
