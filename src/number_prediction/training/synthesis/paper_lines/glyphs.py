"""One character in one hand -> its ink, and how high it stands on the line.

Out: `Ink`: a mask (h, w) float32 in [0, 1], 1 is ink, and the row of its top. Rows count from the top of
the digits down; the base line is at DIGIT_PX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from number_prediction.datasets.open_data import Strokes
from number_prediction.training.synthesis.paper_lines.hand import PaperHand
from number_prediction.training.synthesis.paper_lines.signs import SEGMENT_LINES, SEGMENTS, SIGNS
from number_prediction.training.synthesis.paper_lines.writers import DIGITS, Writers
from number_prediction.training.synthesis.pen import smooth
from number_prediction.training.synthesis.stroke_tables import Stroke, Writing

DIGIT_PX = 48
"""Height of the digits of a line before it is brought to its size on paper."""
PAD_PX = 10
"""Room around strokes for wide pens."""
MIN_INK = 0.2
"""Ink from which a pixel counts for the width of a glyph."""
FALLBACK_FONT = "DejaVuSans"
"""The font of signs that others lack."""
_RARE = "€£✓°\u00d7"
_OVERSAMPLED = 2
_SMALL_LETTERS, _HANGING_LETTERS = frozenset("aceimnorsuvwxz"), frozenset("gjpqy")

Mask = NDArray[np.float32]
Path2D = NDArray[np.float64]
"""(K, 2): x to the right and y down."""


class Ink(NamedTuple):
    """A character on its line."""

    mask: Mask
    top: float
    """Row of the mask's top."""


def write_character(character: str, hand: PaperHand, writers: Writers, random: np.random.Generator) -> Ink:
    """Write a digit, a letter, a sign of GLYPHS or one of SIGNS."""
    if hand.font is not None:
        return _print(SIGNS[character].printed if character in SIGNS else character, hand.font)
    pen_px = hand.pen_px * float(np.exp(random.normal(0, 0.08)))
    if character in SIGNS:
        return _write_sign(character, hand, pen_px, random)
    if hand.is_segmented and character in SEGMENTS:
        strokes = [np.array(SEGMENT_LINES[each].points) for each in SEGMENTS[character]]
        thick = float(np.clip(1.1 * hand.pen_px, 3, 7))
        return Ink(draw_strokes(strokes, DIGIT_PX, DIGIT_PX * 0.5 * hand.width, thick), -PAD_PX)
    if character in ".,:-+/":
        return _write_mark(character, pen_px, random)
    return _write_by_hand(character, hand, writers, pen_px, random)


def draw_strokes(strokes: Sequence[Path2D], height: float, width: float, pen_px: float) -> Mask:
    """Strokes in a unit box, drawn `height` by `width` pixels large with PAD_PX around them."""
    rows, columns = math.ceil(height) + 2 * PAD_PX, math.ceil(width) + 2 * PAD_PX
    picture = Image.new("L", (columns * _OVERSAMPLED, rows * _OVERSAMPLED))
    draw = ImageDraw.Draw(picture)
    radius = pen_px * _OVERSAMPLED / 2
    for stroke in strokes:
        places = [
            ((x * width + PAD_PX) * _OVERSAMPLED, (y * height + PAD_PX) * _OVERSAMPLED) for x, y in stroke
        ]
        if len(places) > 1:
            draw.line(places, fill=255, width=max(1, round(2 * radius)), joint="curve")
        for x, y in (places[0], places[-1]):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return _to_mask(picture.resize((columns, rows), Image.Resampling.BOX))


def resize_mask(mask: Mask, height: float, width: float) -> Mask:
    """A mask of another size, at least a pixel each way."""
    rows, columns = max(1, round(height)), max(1, round(width))
    way = Image.Resampling.BILINEAR if rows >= mask.shape[0] else Image.Resampling.BOX
    resized = Image.fromarray(mask.astype(np.float32)).resize((columns, rows), way)
    return np.asarray(resized, np.float32).clip(0, 1)


def _to_mask(picture: Image.Image) -> Mask:
    return np.asarray(picture, np.float32) / np.float32(255)


def _trace(strokes: Sequence[Stroke], tremble: float, random: np.random.Generator) -> list[Path2D]:
    """The strokes of a table by an unsteady hand."""
    traced = []
    for stroke in strokes:
        points = np.array(stroke.points, np.float64)
        points += random.normal(0, tremble, points.shape)
        traced.append(smooth(points) if stroke.is_curved and len(points) > 2 else points)
    return traced


def _write_sign(name: str, hand: PaperHand, pen_px: float, random: np.random.Generator) -> Ink:
    sign = SIGNS[name]
    height = DIGIT_PX * sign.height * float(np.exp(random.normal(0, 0.12)))
    width = height * sign.width * random.uniform(0.75, 1.3)
    mask = draw_strokes(_trace(sign.strokes, hand.tremble, random), height, width, pen_px)
    return Ink(mask, (sign.top + random.normal(0, 0.05)) * DIGIT_PX - PAD_PX)


def _write_mark(mark: str, pen_px: float, random: np.random.Generator) -> Ink:
    """A sign of GLYPHS."""
    if mark in ".:":
        return _write_dots(mark, pen_px, random)
    unit = DIGIT_PX
    if mark == ",":
        height = unit * random.uniform(0.12, 0.4)
        bent = smooth(np.array([(1, 0), (0.9, 0.45), (0, 1)]) + random.normal(0, 0.08, (3, 2)))
        pen_px *= random.uniform(0.8, 1.1)
        mask = draw_strokes([bent], height, height * random.uniform(0.15, 0.7), pen_px)
        return Ink(mask, unit * (1 - random.uniform(0.04, 0.16)) - PAD_PX)
    if mark == "-":
        bar = np.array([(0, 0.5 + random.normal(0, 0.8)), (1, 0.5 + random.normal(0, 0.8))])
        mask = draw_strokes([bar], max(1, unit * 0.06), unit * random.uniform(0.2, 0.75), pen_px)
        return Ink(mask, unit * random.uniform(0.35, 0.65) - PAD_PX)
    if mark == "+":
        width = unit * random.uniform(0.35, 0.75)
        ends = 0.5 + random.normal(0, 0.06, 4)
        across, down = np.array([(0, ends[0]), (1, ends[1])]), np.array([(ends[2], 0), (ends[3], 1)])
        mask = draw_strokes([across, down], width * random.uniform(0.8, 1.2), width, pen_px)
        return Ink(mask, unit * 0.5 - width / 2 - PAD_PX + random.normal(0, 3))
    height = unit * random.uniform(1, 1.4)
    slash = np.array([(1.0, 0.0), (0.0, 1.0)])
    mask = draw_strokes([slash], height, unit * random.uniform(0.1, 0.65), pen_px)
    return Ink(mask, unit - height * random.uniform(0.88, 0.97) - PAD_PX)


def _write_dots(mark: str, pen_px: float, random: np.random.Generator) -> Ink:
    radius = max(1.5, pen_px * random.uniform(0.55, 1.3))
    size = radius * random.uniform(0.1, 0.9)
    end = (random.uniform(0, 1) * size, random.uniform(0, 1) * size)
    dot = np.array([(0.0, 0.0), end])
    if mark == ".":
        row = DIGIT_PX * (1 + random.normal(0, 0.04)) - 0.6 * radius
        if random.random() < 0.12:  # a raised point
            row -= random.uniform(0.1, 0.5) * DIGIT_PX
        return Ink(draw_strokes([dot / size], size, size, radius), row - PAD_PX - size / 2)
    gap = DIGIT_PX * random.uniform(0.35, 0.55)
    height = size + gap
    box = np.array([size, height])
    mask = draw_strokes([dot / box, (dot + np.array([0, gap])) / box], height, size, radius)
    return Ink(mask, DIGIT_PX * (1 - random.uniform(0, 0.15)) - height - PAD_PX)


def _write_by_hand(
    character: str, hand: PaperHand, writers: Writers, pen_px: float, random: np.random.Generator
) -> Ink:
    """A digit or a letter as somebody wrote it."""
    is_digit = character in DIGITS
    if is_digit and hand.repeats_shapes and character in hand.chosen:
        chosen = hand.chosen[character]
    else:
        choices = hand.writer.digits[character] if is_digit else writers.letter(character)
        chosen = choices[random.integers(len(choices))]
        if is_digit:
            hand.chosen[character] = chosen
    height, base = _size(character, hand, random)
    if chosen.kind in ("strokes", "table"):
        if chosen.kind == "strokes":
            strokes = _normalise(cast("Strokes", chosen.drawing), random)
        else:
            strokes = _trace(cast("Writing", chosen.drawing), hand.tremble, random)
        return _write_strokes(character, strokes, hand, (height, base, pen_px), random)
    grey = np.asarray(chosen.drawing)
    mask = _cut(grey.astype(np.float32) / np.float32(255) if chosen.kind == "frame" else _ink_of_scan(grey))
    scale = height / max(mask.shape[0], 0.45 * mask.shape[1])
    mask = resize_mask(mask, mask.shape[0] * scale, mask.shape[1] * scale * hand.width)
    if hand.thickening is not None:
        mask = _change_pen(mask, hand.thickening)
    is_flat = is_digit and mask.shape[0] <= height / 2
    return Ink(mask, (DIGIT_PX - mask.shape[0]) / 2 if is_flat else base - mask.shape[0])


def _size(character: str, hand: PaperHand, random: np.random.Generator) -> tuple[float, float]:
    """Height of a digit or letter, and the row of its foot."""
    size = float(np.exp(random.normal(0, hand.uneven_size)))
    if character in DIGITS:
        size *= hand.tall_one if character == "1" else hand.small_zero if character == "0" else 1.0
        return DIGIT_PX * size, float(DIGIT_PX)
    share = 0.62 if character in _SMALL_LETTERS else 0.95
    drop = 0.35 if character in _HANGING_LETTERS else 0.0
    return DIGIT_PX * size * share, DIGIT_PX * (1 + drop)


def _normalise(strokes: Sequence[Path2D], random: np.random.Generator) -> list[Path2D]:
    """Strokes whose height, or 0.6 of whose width, is 1; some by an unsteady hand."""
    points = np.concatenate(strokes)
    low, extent = points.min(0), np.ptp(points, axis=0)
    unit = max(extent[1], 0.6 * extent[0], 1e-6)
    is_unsteady = random.random() < 0.5
    return [
        (stroke - low) / unit + is_unsteady * np.cumsum(random.normal(0, 0.004, stroke.shape), 0)
        for stroke in strokes
    ]


def _write_strokes(
    character: str,
    strokes: list[Path2D],
    hand: PaperHand,
    size: tuple[float, float, float],
    random: np.random.Generator,
) -> Ink:
    """Strokes with what the hand adds to them; `size`: height, row of the foot, pen."""
    height, base, pen_px = size
    stretch = np.array([hand.width * float(np.exp(random.normal(0, 0.05))), 1.0])
    strokes = [stroke * stretch for stroke in strokes]
    if hand.tail and character in "79" and random.random() < 0.8 and strokes[-1][-1, 1] > 0.7:
        end = strokes[-1][-1] + (-0.3 * hand.tail * random.random(), hand.tail)
        strokes[-1] = np.vstack([strokes[-1], end])
    if hand.lead and character == "1" and strokes[0][0, 1] < 0.35 and random.random() < 0.8:
        start = strokes[0][0] + hand.lead * np.array([-random.uniform(0.3, 0.8), random.uniform(0.6, 1.4)])
        strokes[0] = np.vstack([start, strokes[0]])
    points = np.concatenate(strokes)
    low, extent = points.min(0), np.ptp(points, axis=0) + 1e-6
    placed = [(stroke - low) / extent for stroke in strokes]
    mask = draw_strokes(placed, height * extent[1], height * extent[0], pen_px)
    above = 1 - min(0.0, float(low[1])) if character in DIGITS else float(extent[1])
    return Ink(mask, base - height * above - PAD_PX)


def _cut(mask: Mask) -> Mask:
    """A mask without the paper around it."""
    marked = mask > 0.15
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if len(rows) == 0:
        return mask[:2, :2]
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _ink_of_scan(page: NDArray[np.uint8]) -> Mask:
    """Ink of a clean scan: how far each pixel is from the grey of the border."""
    grey = page.astype(np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    away = np.abs(grey - np.median(border))
    share = away / max(float(np.quantile(away, 0.995)), 1.0)
    ink: Mask = ((share - 0.25) / 0.5).clip(0, 1)
    return ink


def _change_pen(mask: Mask, seed: int) -> Mask:
    """The strokes of a whole line thinner, thicker or as they are."""
    kind = np.random.default_rng(seed).random()
    if not 0.3 <= kind < 0.85:
        return mask
    filtering = ImageFilter.MinFilter(3) if kind < 0.6 else ImageFilter.MaxFilter(3)
    changed = _to_mask(Image.fromarray((255 * mask).astype(np.uint8)).filter(filtering))
    return changed if changed.max() > 0.5 else mask


def _print(character: str, name: str) -> Ink:
    if character in _RARE:
        name = "DejaVuSansMono" if "Mono" in name else FALLBACK_FONT
    font, top_of_digits = _font(name)
    left, top, right, bottom = font.getbbox(character)
    size = (max(2, math.ceil(right - left) + 4), max(2, math.ceil(bottom - top) + 4))
    picture = Image.new("L", size)
    ImageDraw.Draw(picture).text((2 - left, 2 - top), character, fill=255, font=font)
    return Ink(_to_mask(picture), top - 2 - top_of_digits)


@lru_cache(maxsize=32)
def _font(name: str) -> tuple[ImageFont.FreeTypeFont, float]:
    """A font of Matplotlib whose digits are DIGIT_PX high, and the row of their top."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    _, top, _, bottom = ImageFont.truetype(file, 100).getbbox("0")
    font = ImageFont.truetype(file, 100 * DIGIT_PX / (bottom - top))
    return font, font.getbbox("0")[1]
