"""Numbers and where they stand -> the picture with a box around each and what was read above it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Points

LONGEST = 1600
"""Pixels of the longer side of the drawing; larger pages are reduced."""
SURE = 0.9
"""Confidence from which a box is blue; below it is orange."""
_BLUE, _ORANGE = "#2f6db5", "#b45309"
_TEXT, _ROOM = 14, 22


class Mark(NamedTuple):
    """Something that was read."""

    text: str
    confidence: float
    """In [0, 1]."""
    corners: Points
    """(4, 2) in pixels of the page."""


class Ground(NamedTuple):
    """A page to draw marks on, reduced."""

    picture: Page
    """(h, w) uint8, its longer side at most LONGEST."""
    share: float
    """Of the size of the page."""


def reduce_page(page: Page) -> Ground:
    """A page (H, W) uint8, as small as it is drawn."""
    share = min(1.0, LONGEST / max(page.shape))
    if share == 1:
        return Ground(page, share)
    size = (max(1, round(page.shape[1] * share)), max(1, round(page.shape[0] * share)))
    return Ground(np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX)), share)


def annotate(ground: Ground, marks: Iterable[Mark]) -> bytes:
    """The page with its marks, as PNG."""
    height, width = ground.picture.shape
    sheet = Image.new("RGB", (width, height + _ROOM), "#ffffff")
    sheet.paste(Image.fromarray(ground.picture), (0, _ROOM))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for text, confidence, corners in marks:
        colour = _BLUE if confidence >= SURE else _ORANGE
        placed = corners * ground.share + (0, _ROOM)
        draw.polygon([(float(x), float(y)) for x, y in placed], outline=colour, width=2)
        left, top = placed.min(0)
        draw.text((max(0.0, float(left)), max(0.0, float(top) - _TEXT - 5)), text, colour, font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
