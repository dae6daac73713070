"""Glyphs: single digits, signs and letters, from which lines of writing are composed.

In: a split of frames of digits. Out: these frames, drawn digits, signs, letters, and digits in fonts, each at
its height on the line. Digits fill rows 4 to 24 of the frame; row 24 is the base line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.constants import FRAME_SIZE, GLYPHS
from number_prediction.datasets.split import Split
from number_prediction.training.synthesis.companions import draw_writings
from number_prediction.training.synthesis.pen import PICTURE_SIDE_PX, Canvas, smooth
from number_prediction.training.synthesis.words import draw_letters, print_digits

FRAME_PX = PICTURE_SIDE_PX / FRAME_SIZE
"""Side of a pixel of the frame, in pixels of the drawing."""
MIDDLE_PX, BASE_LINE_PX = PICTURE_SIDE_PX / 2, PICTURE_SIDE_PX / 2 + 10 * FRAME_PX
"""Middle of the drawing, and its base line from above."""


@dataclass(frozen=True)
class Glyphs:
    """Single glyphs for composing lines."""

    frames: NDArray[np.uint8]
    """(M, 28, 28), 255 is ink."""
    places: NDArray[np.intp]
    """(M,) place of each frame in GLYPHS; places of letters come after them, see `words`."""
    printed: NDArray[np.uint8]
    """(F, 10, 28, 28) the ten digits in F fonts."""


@dataclass(frozen=True, kw_only=True)
class LineRecipe:
    """What lines are composed of. Counts are for a data set of 60,000 digits, smaller sets get fewer."""

    writings: int = 500
    """Pictures of each writing of a digit."""
    signs: int = 1500
    """Pictures of each sign."""
    dated: float = 0.12
    """Share of the lines with a year or a date."""
    letters: int = 60
    """Pictures of each drawn writing of a letter."""
    worded: float = 0.06
    """Share of the lines that are a word."""
    printed: float = 0.05
    """Share of the other lines with digits in a font."""
    epoch: int = 60_000
    """Lines that count as one epoch."""


def draw_glyphs(split: Split, counts: LineRecipe, *, seed: int) -> Glyphs:
    """Glyphs from frames of digits (N, 28, 28) uint8 whose classes are the ten digits."""
    share = len(split) / 60_000
    generator = np.random.default_rng(seed)
    frames = [np.asarray(split.images)]
    places = [1 + split.labels.astype(np.intp)]
    for digit, drawn in draw_writings(max(1, round(counts.writings * share)), generator):
        frames.append(drawn)
        places.append(np.full(len(drawn), 1 + digit, np.intp))
    signs = max(1, round(counts.signs * share))
    for place in range(11, len(GLYPHS)):
        frames.append(np.stack([_draw_sign(GLYPHS[place], generator) for _ in range(signs)]))
        places.append(np.full(signs, place, np.intp))
    letters, of_letters = draw_letters(max(1, round(counts.letters * share)), generator)
    frames.append(letters)
    places.append(of_letters)
    return Glyphs(np.concatenate(frames), np.concatenate(places), print_digits())


def _draw_sign(sign: str, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One sign (28, 28) uint8."""
    sheet, uniform = Canvas(), generator.uniform
    pen = float(uniform(3, 9))
    dot = max(pen, 5.0)

    def line(*points: tuple[float, float], width: float = pen) -> None:
        sheet.stroke(np.array(points), width)

    if sign == ".":
        x, y = MIDDLE_PX, BASE_LINE_PX - uniform(0, 2) * FRAME_PX
        line((x, y), (x + uniform(0, 3), y + uniform(-2, 2)), width=dot)
    elif sign == ",":
        x, y = MIDDLE_PX, BASE_LINE_PX - uniform(0, 1) * FRAME_PX
        tail = (x - uniform(1, 8), y + uniform(8, 14))
        curve = smooth(np.array([(x, y), (x + uniform(-1, 3), y + uniform(2, 5)), tail]))
        sheet.stroke(curve, 0.8 * pen)
    elif sign == "-":
        half, y = uniform(4, 8) * FRAME_PX, MIDDLE_PX + uniform(-2, 3) * FRAME_PX
        line((MIDDLE_PX - half, y + uniform(-3, 3)), (MIDDLE_PX + half, y + uniform(-3, 3)))
    elif sign == "+":
        half, tall, y = (
            uniform(4, 7) * FRAME_PX,
            uniform(4, 7.5) * FRAME_PX,
            MIDDLE_PX + uniform(-1, 2) * FRAME_PX,
        )
        line((MIDDLE_PX - half, y + uniform(-3, 3)), (MIDDLE_PX + half, y + uniform(-3, 3)))
        line((MIDDLE_PX + uniform(-3, 3), y - tall), (MIDDLE_PX + uniform(-3, 3), y + tall))
    elif sign == "/":
        half = uniform(3, 6) * FRAME_PX
        line(
            (MIDDLE_PX + half, MIDDLE_PX - uniform(10, 13) * FRAME_PX),
            (MIDDLE_PX - half, MIDDLE_PX + uniform(10, 13) * FRAME_PX),
        )
    else:
        above = MIDDLE_PX - uniform(2, 6) * FRAME_PX
        for y in (above, MIDDLE_PX + uniform(3, 6) * FRAME_PX):
            x = MIDDLE_PX + uniform(-2, 2)
            line((x, y), (x + uniform(-1, 3), y + uniform(-1, 1)), width=dot)
    small = Image.fromarray(sheet.picture()).resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BOX)
    return np.asarray(small)
