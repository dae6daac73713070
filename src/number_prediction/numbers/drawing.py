"""Numbers and their places -> the page with a box and a text for each."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Points

MAX_SIDE_PX = 1600
"""Longer side of the drawing, in pixels; larger pages are reduced."""
BLUE_FROM_CONFIDENCE = 0.9
"""Confidence from which a box is blue; below it the box is orange."""
_BLUE, _ORANGE = "#2f6db5", "#b45309"
_TEXT_PX, _TOP_MARGIN_PX = 14, 22


class Mark(NamedTuple):
    """A reading to draw."""

    text: str
    confidence: float
    """In [0, 1]."""
    corners: Points
    """(4, 2) in pixels of the page."""


class Ground(NamedTuple):
    """A page to draw on, reduced."""

    picture: Page
    """(h, w) uint8, its longer side at most MAX_SIDE_PX."""
    share: float
    """Size of the picture as a share of the size of the page."""


def reduce_page(page: Page) -> Ground:
    """Reduce a page (H, W) uint8 to the size of the drawing."""
    share = min(1.0, MAX_SIDE_PX / max(page.shape))
    if share == 1:
        return Ground(page, share)
    size = (max(1, round(page.shape[1] * share)), max(1, round(page.shape[0] * share)))
    return Ground(np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX)), share)


def annotate(ground: Ground, marks: Iterable[Mark]) -> bytes:
    """Draw marks on a page; returns PNG."""
    height, width = ground.picture.shape
    sheet = Image.new("RGB", (width, height + _TOP_MARGIN_PX), "#ffffff")
    sheet.paste(Image.fromarray(ground.picture), (0, _TOP_MARGIN_PX))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_PX)
    for text, confidence, corners in marks:
        colour = _BLUE if confidence >= BLUE_FROM_CONFIDENCE else _ORANGE
        placed = corners * ground.share + (0, _TOP_MARGIN_PX)
        draw.polygon([(float(x), float(y)) for x, y in placed], outline=colour, width=2)
        left, top = placed.min(0)
        draw.text((max(0.0, float(left)), max(0.0, float(top) - _TEXT_PX - 5)), text, colour, font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
