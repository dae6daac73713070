"""What the model saw: an explained prediction -> a picture for people.

The page, the ink that was found on it, the frame, and the probabilities as bars side by side; below, the
warnings in words. Drawn by Pillow, which reading needs anyway.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.warnings import describe

TILE = 200
"""Side of each of the four parts, in pixels."""
MOST_BARS = 10
"""Classes that get a bar; of more, the most probable ones."""

_GAP, _LINE, _TEXT = 12, 18, 13
_WHITE, _FAINT, _GREY, _BLACK, _BLUE, _ORANGE = (
    "#ffffff",
    "#e6e6e6",
    "#6f6f6f",
    "#111111",
    "#2f6db5",
    "#b45309",
)


def draw_seen(prediction: DigitPrediction) -> Image.Image:
    """Draw one prediction that was explained; raises ValueError for one that was not."""
    if prediction.page is None or prediction.ink is None:
        raise ValueError("not an explained prediction; predict with explain=True")
    height, width = prediction.page.shape
    titles = (f"picture, {width} x {height}", "ink", "frame, 28 x 28", headline(prediction))
    lines = [describe(code) for code in prediction.warnings]
    size = (4 * TILE + 5 * _GAP, TILE + 2 * _GAP + _LINE * (1 + len(lines)))
    sheet = Image.new("RGB", size, _WHITE)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    greys = (prediction.page, as_grey(prediction.ink), as_grey(prediction.frame))
    parts = [*(draw_tile(grey) for grey in greys), _draw_bars(prediction)]
    for index, (title, part) in enumerate(zip(titles, parts, strict=True)):
        left = _GAP + index * (TILE + _GAP)
        draw.text((left, _GAP // 2), title, _BLACK, font)
        sheet.paste(part, (left, _GAP // 2 + _LINE))
    for index, line in enumerate(lines):
        draw.text((_GAP, TILE + _GAP + _LINE * (1 + index)), f"! {line}", _ORANGE, font)
    return sheet


def encode_seen(prediction: DigitPrediction) -> bytes:
    """The same as PNG."""
    stream = io.BytesIO()
    draw_seen(prediction).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def headline(prediction: DigitPrediction) -> str:
    """The answer in few words."""
    if prediction.text is None:
        return "not a digit"
    return f"{prediction.text}, {100 * prediction.confidence:.1f}%"


def as_grey(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Ink (H, W) in [0, 1] -> dark on white, uint8."""
    return np.asarray(np.rint(255 * (1 - ink)), dtype=np.uint8)


def draw_tile(grey: NDArray[np.uint8], side: int = TILE) -> Image.Image:
    """A grey picture (H, W) uint8 as large as it fits into a bordered square; its pixels stay visible."""
    tile = Image.new("L", (side, side), _FAINT)
    picture = Image.fromarray(grey)
    factor = (side - 2) / max(picture.size)
    wanted = [max(1, round(length * factor)) for length in picture.size]
    resampling = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    picture = picture.resize((wanted[0], wanted[1]), resampling)
    tile.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile


def _draw_bars(prediction: DigitPrediction) -> Image.Image:
    """The probabilities, in the order of the classes; grey where the model abstains."""
    tile = Image.new("RGB", (TILE, TILE), _WHITE)
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(_TEXT)
    shown = sorted(np.argsort(-prediction.probabilities, kind="stable")[:MOST_BARS])
    names = max(draw.textlength(prediction.classes[index], font) for index in shown) + 8
    step = TILE / (len(shown) + 1)
    room = TILE - names - 44
    for row, index in enumerate(shown):
        share = float(prediction.probabilities[index])
        colour = _GREY if prediction.label is None else _BLUE
        top = row * step
        draw.text((0, top), prediction.classes[index], _BLACK, font)
        end = names + room * share
        if room * share >= 1:
            draw.rectangle((names, top + 3, end, top + step - 3), colour)
        draw.text((end + 4, top), f"{100 * share:.1f}%", _GREY, font)
    draw.text((0, len(shown) * step), f"is a digit: {100 * prediction.is_digit:.1f}%", _GREY, font)
    return tile
