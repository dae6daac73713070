"""Pictures of glyphs -> one line of writing: how much room each glyph takes, and where it goes.

In: pictures (K, GLYPH_SIDE_PX, GLYPH_SIDE_PX) float32 in [0, 1], 1 is ink, in the order of the text. They are
added in place to a canvas with a margin of GLYPH_SIDE_PX on each side of the line.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.constants import GLYPHS, LINE_HEIGHT
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX
from number_prediction.training.synthesis.hands import Hand, LineLayout

GLYPH_SIDE_PX = 64
"""Side of the picture of one glyph."""
KERNING_ROWS = 4
"""Rows above and below in which glyphs keep their distance."""
MIN_GLYPH_INK = 0.25
"""Ink above this counts for a glyph's width."""
LINE_EDGE_PX = 3
"""Blank paper at both ends of a line."""
SMALL_GLYPHS = (GLYPHS.index("."), GLYPHS.index(","))
"""Glyphs that stand closer to their neighbours than digits do."""

Middles: TypeAlias = "tuple[float, ...]"
"""Middles of a line's glyphs, in pixels from its left edge."""


class Room(NamedTuple):
    """Room that glyphs take, in pixels from the left of each one's picture."""

    lefts: list[int]
    rights: list[int]
    meets: list[float]
    """Distance from each picture to the next one if the two glyphs just do not touch."""

    def of(self, some: slice) -> Room:
        """The room of some of the glyphs."""
        return Room(self.lefts[some], self.rights[some], self.meets[some])


def measure_room(patches: Tensor) -> Room:
    """The room of glyphs, from their pictures in the order of the text."""
    column = torch.arange(GLYPH_SIDE_PX, dtype=torch.float32)
    marked = patches > MIN_GLYPH_INK
    is_lost = ~marked.any(2).any(1)  # too small to mark a pixel; such a glyph takes no room
    marked[is_lost, GLYPH_SIDE_PX // 2, GLYPH_SIDE_PX // 2] = True
    far = 2.0 * GLYPH_SIDE_PX
    left = torch.where(marked, column, far).amin(2)  # (K, GLYPH_SIDE_PX): of each row
    right = torch.where(marked, column + 1, -far).amax(2)
    lefts, rights = left.amin(1), right.amax(1)
    near = 2 * KERNING_ROWS + 1
    right = F.max_pool1d(right, near, 1, KERNING_ROWS)
    left = -F.max_pool1d(-left, near, 1, KERNING_ROWS)
    meets = (right - left.roll(-1, 0)).amax(1)
    boxes = rights - lefts.roll(-1, 0)
    meets = torch.where(meets > -GLYPH_SIDE_PX, meets, boxes)  # the glyphs have no row in common
    return Room(lefts.to(torch.int64).tolist(), rights.to(torch.int64).tolist(), meets.tolist())


def place_glyphs(
    canvas: Tensor,
    patches: Tensor,
    room: Room,
    text: tuple[int, ...],
    hand: Hand,
    layout: LineLayout,
    random: np.random.Generator,
) -> Middles:
    """Draw the glyphs of one line side by side on the canvas; returns the middles of those that fit."""
    places, middles, end = _advance(canvas, room, text, hand, layout, random)
    if not places:
        return ()
    slack = max(0, _room_of_line(canvas) - end)
    begin = LINE_EDGE_PX + (
        random.uniform(0, slack) if random.random() < 0.5 else min(slack, random.uniform(0, 8))
    )
    for k, place in enumerate(places):
        left = GLYPH_SIDE_PX + round(begin) + round(place)
        middle = (LINE_HEIGHT - GLYPH_SIDE_PX) / 2 + float(layout.middles[k]) * DIGIT_HEIGHT_PX
        top = GLYPH_SIDE_PX + round(middle)
        part = canvas[top : top + GLYPH_SIDE_PX, max(0, left) : left + GLYPH_SIDE_PX]
        torch.maximum(part, patches[k][:, : part.shape[1]], out=part)
    return tuple(round(begin) + middle for middle in middles)


def _advance(
    canvas: Tensor,
    room: Room,
    text: tuple[int, ...],
    hand: Hand,
    layout: LineLayout,
    random: np.random.Generator,
) -> tuple[list[float], list[float], float]:
    """Left sides of the pictures that fit, middles of their glyphs, and the right end of the last glyph."""
    height = layout.unit * DIGIT_HEIGHT_PX
    end_of_line = _room_of_line(canvas)
    x, end = -float(room.lefts[0]) if text else 0.0, 0.0
    places: list[float] = []
    middles: list[float] = []
    for k in range(len(text)):
        if k:
            small = text[k] in SMALL_GLYPHS or text[k - 1] in SMALL_GLYPHS
            boxes = room.rights[k - 1] - room.lefts[k]
            x += boxes + hand.kerning * (room.meets[k - 1] - boxes)
            x += height * ((min(hand.gap, 0.14) if small else hand.gap) + random.normal(0, hand.uneven))
        middle = (room.lefts[k] + room.rights[k]) / 2
        if middles:  # glyphs stay in order, however far their strokes overlap
            x = max(x, middles[-1] + 1 - middle)
        if x + room.rights[k] > end_of_line:
            break
        places.append(x)
        middles.append(x + middle)
        end = max(end, x + room.rights[k])
    return places, middles, end


def _room_of_line(canvas: Tensor) -> int:
    """Pixels of the line between its blank ends."""
    return canvas.shape[1] - 2 * GLYPH_SIDE_PX - 2 * LINE_EDGE_PX
