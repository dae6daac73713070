"""Pictures that are not a digit, from scribbles to halves of digits.

Each function takes a NumPy generator and returns ink (H, W) uint8, 255 is ink.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.synthesis.pen import OVERSAMPLING, PICTURE_SIDE_PX, Canvas, smooth

Picture = NDArray[np.uint8]
Frames = NDArray[np.uint8]
DRAWN_SIDE_PX = PICTURE_SIDE_PX * OVERSAMPLING
HALVED_DIGITS = (2, 3, 4, 5, 8)
"""Digits that are cut in half: none of their halves looks like another digit."""


def scribble(generator: np.random.Generator) -> Picture:
    """Several short winding strokes, or one or two long ones."""
    sheet = Canvas()
    width = generator.uniform(1.5, 7)
    strokes = generator.integers(1, 6)
    for _ in range(strokes):
        points = generator.integers(3, 6) if strokes > 2 else generator.integers(7, 16)
        sheet.stroke(smooth(generator.uniform(8, PICTURE_SIDE_PX - 8, (points, 2))), width)
    return sheet.picture()


def doodle(generator: np.random.Generator) -> Picture:
    """Boxes, ovals, lines, arcs, triangles and dots at random places."""
    sheet = Canvas()
    draw, width = sheet.draw, int(generator.uniform(3, 12))
    for _ in range(generator.integers(2, 8)):
        left, top = generator.uniform(8, DRAWN_SIDE_PX - 40, 2)
        width_drawn, height_drawn = generator.uniform(16, 110, 2)
        right, bottom = min(left + width_drawn, DRAWN_SIDE_PX - 6), min(top + height_drawn, DRAWN_SIDE_PX - 6)
        box = [left, top, right, bottom]
        kind = generator.integers(0, 6)
        if kind == 0:
            draw.rectangle(box, outline=255, width=width)
        elif kind == 1:
            draw.ellipse(box, outline=255, width=width)
        elif kind == 2:
            draw.line(box, fill=255, width=width)
        elif kind == 3:
            draw.arc(box, generator.uniform(0, 360), generator.uniform(180, 520), fill=255, width=width)
        elif kind == 4:
            corners = [tuple(corner) for corner in generator.uniform(8, DRAWN_SIDE_PX - 8, (3, 2))]
            draw.polygon(corners, outline=255, width=max(2, width // 2))
        else:
            draw.ellipse([left - width, top - width, left + width, top + width], fill=255)
    return sheet.picture()


def character(generator: np.random.Generator) -> Picture:
    """A character of no script: four to seven bars, bows, hooks, rings and dots that belong together."""
    sheet = Canvas()
    width = generator.uniform(1.5, 7)
    size = generator.uniform(36, 66)
    low = (PICTURE_SIDE_PX - size) / 2
    for _ in range(generator.integers(4, 8)):
        kind = generator.integers(0, 5)
        begin, end = generator.integers(0, 4, (2, 2)) / 3
        if kind == 0 and (begin != end).any():  # along the lattice, as in scripts of bars
            points = np.stack([begin, end])
        elif kind == 1:
            points = smooth(np.stack([begin, generator.uniform(0, 1, 2), end]))
        elif kind == 2:
            points = smooth(generator.uniform(0, 1, (4, 2)))
        elif kind == 3:
            angle = np.linspace(0, 2 * np.pi, 24)
            ring = np.stack([np.cos(angle), np.sin(angle)], 1) * generator.uniform(0.06, 0.25)
            points = ring + generator.uniform(0.2, 0.8, 2)
        else:
            points = begin + np.array([[0.0, 0.0], [0.02, 0.02]])
        sheet.stroke(points * size + low, width)
    return sheet.picture()


def blot(generator: np.random.Generator) -> Picture:
    """Large filled shapes."""
    field = _field(generator, int(generator.integers(2, 7)))
    return ((field > np.quantile(field, generator.uniform(0.4, 0.85))) * 255).astype(np.uint8)


def texture(generator: np.random.Generator) -> Picture:
    """Grain like that of paper, cloth or noise."""
    field = _field(generator, int(generator.integers(12, 60)))
    floor = np.quantile(field, generator.uniform(0.3, 0.9))
    return np.asarray(np.clip((field - floor) * 255, 0, 255), dtype=np.uint8)


def ruling(generator: np.random.Generator) -> Picture:
    """Lines, squares, arches and spirals."""
    sheet = Canvas()
    draw, width = sheet.draw, int(generator.uniform(3, 14))
    kind = generator.integers(0, 5)
    if kind == 0:
        for y in np.linspace(10, DRAWN_SIDE_PX - 10, generator.integers(2, 6)):
            draw.line(
                [8, y + generator.uniform(-4, 4), DRAWN_SIDE_PX - 8, y + generator.uniform(-4, 4)], 255, width
            )
    elif kind == 1:
        for place in np.linspace(10, DRAWN_SIDE_PX - 10, generator.integers(2, 5)):
            draw.line([8, place, DRAWN_SIDE_PX - 8, place], 255, width)
            draw.line([place, 8, place, DRAWN_SIDE_PX - 8], 255, width)
    elif kind == 2:
        box = [
            10,
            10 + generator.uniform(0, 60),
            DRAWN_SIDE_PX - 10,
            DRAWN_SIDE_PX + generator.uniform(0, 200),
        ]
        draw.arc(box, 185, 355, fill=255, width=width)
    elif kind == 3:
        for arch in range(generator.integers(2, 5)):
            inset = arch * generator.uniform(12, 22)
            box = [10 + inset, 20 + inset, DRAWN_SIDE_PX - 10 - inset, DRAWN_SIDE_PX + 100 - inset]
            draw.arc(box, 180 + generator.uniform(0, 10), 360 - generator.uniform(0, 10), 255, width)
    else:
        angle = np.linspace(0, generator.uniform(3, 6) * 2 * np.pi, 200)
        radius = angle / angle.max() * 34
        turned = angle + generator.uniform(0, 2 * np.pi)
        spiral = np.stack([np.cos(turned), np.sin(turned)], 1) * radius[:, np.newaxis] + PICTURE_SIDE_PX / 2
        sheet.stroke(spiral, generator.uniform(1.2, 3))
    return sheet.picture()


def several_digits(generator: np.random.Generator, frames: Frames) -> Picture:
    """Two to four of the frames (N, 28, 28) side by side."""
    cut = []
    for index in generator.integers(len(frames), size=generator.integers(2, 5)):
        columns = np.flatnonzero(frames[index].any(0))
        cut.append(frames[index][:, columns[0] : columns[-1] + 1])
    gap = max(int(generator.integers(-6, 8)), -4)
    width = sum(digit.shape[1] for digit in cut) + (len(cut) - 1) * gap + FRAME_SIZE
    picture = np.zeros((FRAME_SIZE + 12, width), np.uint8)
    x = FRAME_SIZE // 2
    for digit in cut:
        y = 6 + int(generator.integers(-3, 4))
        place = picture[y : y + FRAME_SIZE, x : x + digit.shape[1]]
        np.maximum(place, digit[:, : place.shape[1]], out=place)
        x += digit.shape[1] + gap
    return picture


def half_digit(generator: np.random.Generator, frame: NDArray[np.uint8]) -> Picture:
    """A frame (28, 28) with about half of its digit cut away, on one of the four sides."""
    half = frame.copy()
    axis, is_first = int(generator.integers(0, 2)), bool(generator.integers(0, 2))
    inked = np.flatnonzero(frame.any(1 - axis))
    cut = int(inked[0] + (inked[-1] - inked[0]) * generator.uniform(0.4, 0.6))
    away = slice(None, cut) if is_first else slice(cut, None)
    half[(away, slice(None)) if axis == 0 else (slice(None), away)] = 0
    return half


def _field(generator: np.random.Generator, grain: int) -> NDArray[np.float32]:
    """Smooth random field (PICTURE_SIDE_PX, PICTURE_SIDE_PX) of `grain` bumps a side."""
    bumps = Image.fromarray(generator.standard_normal((grain, grain)).astype(np.float32))
    return np.asarray(bumps.resize((PICTURE_SIDE_PX, PICTURE_SIDE_PX), Image.Resampling.BICUBIC))
