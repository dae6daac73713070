"""Numbers and their places -> the picture, in its colours, with a box and a text for each."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from number_prediction.images.geometry import Points

MAX_SIDE_PX = 1600
"""Longer side of the drawing, in pixels; larger pages are reduced."""
MIN_LINE_HEIGHT_PX = 120
"""Height of the drawing of a line, in pixels; smaller lines are enlarged."""
BLUE_FROM_CONFIDENCE = 0.9
"""Confidence from which a box is blue; below it the box is orange."""
_BLUE, _ORANGE, _WHITE = "#2f6db5", "#b45309", "#ffffff"
_TEXT_PX, _LABEL_PX, _LABEL_MARGIN_PX, _TOP_MARGIN_PX = 14, 18, 3, 22


class Mark(NamedTuple):
    """A reading to draw."""

    text: str
    confidence: float
    """In [0, 1]."""
    corners: Points
    """(4, 2) in pixels of the page."""


def draw_marks(page: NDArray[np.uint8], marks: Iterable[Mark], *, min_height: int = 0) -> Image.Image:
    """Draw marks on a page, each label white on a plate of its colour: it is readable on any ground.

    Args:
        page: (H, W) or (H, W, 3) uint8; a page larger than MAX_SIDE_PX is reduced.
        marks: what to draw.
        min_height: a page of fewer pixels is enlarged to this height.
    """
    picture = Image.fromarray(page).convert("RGB")
    share = min(max(1.0, min_height / picture.height), MAX_SIDE_PX / max(picture.size))
    if share != 1:
        size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        picture = picture.resize(size, Image.Resampling.BOX if share < 1 else Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", (picture.width, picture.height + _TOP_MARGIN_PX), _WHITE)
    sheet.paste(picture, (0, _TOP_MARGIN_PX))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_PX)
    for text, confidence, corners in marks:
        colour = _BLUE if confidence >= BLUE_FROM_CONFIDENCE else _ORANGE
        placed = corners * share + (0, _TOP_MARGIN_PX)
        draw.polygon([(float(x), float(y)) for x, y in placed], outline=colour, width=2)
        if text:
            wide = draw.textlength(text, font) + 2 * _LABEL_MARGIN_PX
            left = max(0.0, min(float(placed[:, 0].min()), sheet.width - wide))
            top = max(0.0, float(placed[:, 1].min()) - _LABEL_PX)
            draw.rectangle((left, top, left + wide, top + _LABEL_PX), colour)
            draw.text((left + _LABEL_MARGIN_PX, top), text, _WHITE, font)
    return sheet


def encode_marks(page: NDArray[np.uint8], marks: Iterable[Mark]) -> bytes:
    """Draw marks on a page as PNG, see `draw_marks`."""
    stream = io.BytesIO()
    draw_marks(page, marks).save(stream, "PNG", optimize=True)
    return stream.getvalue()
