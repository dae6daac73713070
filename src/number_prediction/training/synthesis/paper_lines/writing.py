"""Characters in one hand -> the ink of a whole line, before it is on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from number_prediction.training.synthesis.paper_lines.glyphs import (
    DIGIT_PX,
    MIN_INK,
    Ink,
    Mask,
    write_character,
)
from number_prediction.training.synthesis.paper_lines.hand import PaperHand
from number_prediction.training.synthesis.paper_lines.writers import Writers

KERNING_ROWS = 4
"""Rows above and below in which glyphs keep their distance."""
MONOSPACE_PITCH = 0.72
"""Width of a character of a monospaced font, in heights of a digit."""
CURSIVE_JOINS = 0.12
"""Share of the lines with a stroke that joins two glyphs."""
_SMALL = ".,:"


class LineInk(NamedTuple):
    """The ink of a line."""

    mask: Mask
    spans: list[tuple[int, int]]
    """First column of each glyph, and the one behind its last; spaces have none."""
    top_of_digits: float
    """Row of the mask; the base line is DIGIT_PX below."""


class _Placed(NamedTuple):
    ink: Ink
    left: float
    span: tuple[int, int]
    """Columns of the mask with ink."""

    @property
    def middle(self) -> float:
        return self.left + sum(self.span) / 2


def write_line(
    characters: Sequence[str], hand: PaperHand, writers: Writers, random: np.random.Generator
) -> LineInk:
    """Write characters side by side: digits, letters, signs of GLYPHS, names of SIGNS, and spaces."""
    placed: list[_Placed] = []
    x, follows = 0.0, False
    is_monospaced = hand.font is not None and "Mono" in hand.font
    for index, character in enumerate(characters):
        if character == " ":
            x += DIGIT_PX * (random.uniform(0.35, 1.0) if hand.is_written else 0.35)
            follows = False
            continue
        ink = write_character(character, hand, writers, random)
        if hand.is_written:
            offset = _offset(character, index - len(characters) / 2, hand, random)
            ink = Ink(ink.mask, ink.top + offset)
        columns = np.flatnonzero((ink.mask > MIN_INK).any(0))
        span = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 2)
        if is_monospaced:
            left = x - span[0] + (MONOSPACE_PITCH * DIGIT_PX - (span[1] - span[0])) / 2
            x += MONOSPACE_PITCH * DIGIT_PX
        else:
            is_small = character in _SMALL or (index > 0 and characters[index - 1] in _SMALL)
            left = x - span[0]
            if follows:
                left = _next_left(placed[-1], ink, span, left, is_small, hand, random)
            x = left + span[1]
        placed.append(_Placed(ink, left, span))
        follows = True
    return _assemble(placed, hand, random)


def _offset(character: str, position: float, hand: PaperHand, random: np.random.Generator) -> float:
    """Rows by which a glyph stands lower than the base line asks for."""
    rows = 0.0
    if character in "34579":
        rows += hand.hanging
    elif character in "68":
        rows -= hand.hanging / 2 * random.random()
    rows += float(np.clip(random.normal(0, hand.wander), -0.2, 0.2)) + hand.slope * position
    return rows * DIGIT_PX


def _next_left(
    before: _Placed,
    ink: Ink,
    span: tuple[int, int],
    box: float,
    is_small: bool,
    hand: PaperHand,
    random: np.random.Generator,
) -> float:
    """Where a glyph starts beside the one before; `box` is where their boxes would meet."""
    gap = hand.gap
    if is_small:
        gap = min(gap, 0.15) if random.random() < 0.75 else random.uniform(0.1, 0.6)
    meeting = None if is_small else _meet(before.ink, ink)
    left = box if meeting is None else box + hand.kerning * (before.left + meeting - box)
    left = max(left, before.middle + 2 - sum(span) / 2)  # however they overlap, their order stays
    return left + DIGIT_PX * (gap + random.normal(0, hand.uneven_gap))


def _meet(one: Ink, other: Ink) -> float | None:
    """How far right of one mask the other lies if their strokes just do not touch.

    None if they have no row in common.
    """
    first = max(round(one.top), round(other.top))
    end = min(round(one.top) + len(one.mask), round(other.top) + len(other.mask))
    if end - first <= 3:
        return None
    ours = one.mask[first - round(one.top) : end - round(one.top)] > MIN_INK
    theirs = other.mask[first - round(other.top) : end - round(other.top)] > MIN_INK
    far = 999
    rights = np.where(ours.any(1), ours.shape[1] - np.argmax(ours[:, ::-1], 1), -far)
    lefts = np.where(theirs.any(1), np.argmax(theirs, 1), far)
    padded = np.pad(rights, KERNING_ROWS, constant_values=-far)
    rights = sliding_window_view(padded, 2 * KERNING_ROWS + 1).max(1)
    meeting = int((rights - lefts).max())
    return float(meeting) if meeting > -far / 2 else None


def _assemble(placed: list[_Placed], hand: PaperHand, random: np.random.Generator) -> LineInk:
    if not placed:
        return LineInk(np.zeros((DIGIT_PX, 4), np.float32), [], 0.0)
    first = min(each.left for each in placed)
    top = min(each.ink.top for each in placed)
    rows = int(max(each.ink.top + each.ink.mask.shape[0] for each in placed) - top) + 3
    columns = int(max(each.left + each.ink.mask.shape[1] for each in placed) - first) + 3
    line = np.zeros((rows, columns), np.float32)
    spans = []
    for each in placed:
        y, x = round(each.ink.top - top), round(each.left - first)
        part = line[y : y + each.ink.mask.shape[0], x : x + each.ink.mask.shape[1]]
        strength = float(np.exp(-abs(random.normal(0, 0.12))))
        np.maximum(part, strength * each.ink.mask[: part.shape[0], : part.shape[1]], out=part)
        spans.append((x + each.span[0], x + each.span[1]))
    if hand.is_written and len(spans) > 1 and random.random() < CURSIVE_JOINS:
        line = _join(line, spans, DIGIT_PX - top, hand.pen_px, random)
    return LineInk(line, spans, -top)


def _join(
    line: Mask, spans: list[tuple[int, int]], base: float, pen_px: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """The line with a stroke between two of its glyphs, if they are near each other."""
    index = int(random.integers(len(spans) - 1))
    begin, end = spans[index][1] - 2, spans[index + 1][0] + 2
    if not 0 < end - begin < 0.7 * DIGIT_PX:
        return line
    picture = Image.fromarray((255 * line).astype(np.uint8))
    rows = base - DIGIT_PX * np.array([random.uniform(0, 0.5), random.uniform(0.1, 0.8)])
    ImageDraw.Draw(picture).line(
        [(begin, rows[0]), (end, rows[1])],
        fill=int(random.integers(140, 255)),
        width=max(1, int(0.7 * pen_px)),
    )
    return np.asarray(picture, np.float32) / np.float32(255)
