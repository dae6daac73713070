"""A prediction -> a picture that shows what the model saw.

Side by side: the page and its ink, if they are kept, the frame, and the probabilities as bars. Below: the
texts of the warnings. Pillow draws it; it is installed anyway.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from number_prediction.digits.warnings import WarningCode, describe

TILE_PX = 200
"""Side of each of the four parts, in pixels."""
MAX_BARS = 10
"""Number of bars; with more classes, the most probable ones get a bar."""

FRAME_TITLE = "frame, 28 x 28"

_GAP_PX, _LINE_HEIGHT_PX, _TEXT_PX = 12, 18, 13
_WHITE, _FAINT, _GREY, _BLACK, _BLUE, _ORANGE = (
    "#ffffff",
    "#e6e6e6",
    "#6f6f6f",
    "#111111",
    "#2f6db5",
    "#b45309",
)


class Drawable(Protocol):
    """What is drawn of a `DigitPrediction`."""

    @property
    def label(self) -> int | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def confidence(self) -> float: ...
    @property
    def is_digit(self) -> float: ...
    @property
    def probabilities(self) -> NDArray[np.float32]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def warnings(self) -> tuple[WarningCode, ...]: ...
    @property
    def frame(self) -> NDArray[np.float32]: ...
    @property
    def page(self) -> NDArray[np.uint8] | None: ...
    @property
    def ink(self) -> NDArray[np.float32] | None: ...
    @property
    def beside(self) -> NDArray[np.float32] | None: ...


def draw_frame(prediction: Drawable) -> Image.Image:
    """Draw the frame and the probabilities of a prediction."""
    return _arrange(
        (FRAME_TITLE, headline(prediction)),
        (draw_tile(as_grey(prediction.frame)), _draw_bars(prediction)),
        prediction.warnings,
    )


def draw_seen(prediction: Drawable) -> Image.Image:
    """Draw a prediction made with `explain=True`; raises ValueError for others."""
    if prediction.page is None or prediction.ink is None:
        raise ValueError("not an explained prediction; predict with explain=True")
    height, width = prediction.page.shape
    titles = (f"picture, {width} x {height}", "ink, other, rules", FRAME_TITLE, headline(prediction))
    parts = (
        draw_tile(prediction.page),
        draw_tile(_draw_ink(prediction.ink, prediction.beside)),
        draw_tile(as_grey(prediction.frame)),
        _draw_bars(prediction),
    )
    return _arrange(titles, parts, prediction.warnings)


def _arrange(
    titles: Sequence[str], parts: Sequence[Image.Image], warnings: Sequence[WarningCode]
) -> Image.Image:
    """Place tiles side by side, each below its title, and the texts of the warnings below all."""
    lines = [describe(code) for code in warnings]
    width = len(parts) * TILE_PX + (len(parts) + 1) * _GAP_PX
    size = (width, TILE_PX + 2 * _GAP_PX + _LINE_HEIGHT_PX * (1 + len(lines)))
    sheet = Image.new("RGB", size, _WHITE)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_PX)
    for index, (title, part) in enumerate(zip(titles, parts, strict=True)):
        left = _GAP_PX + index * (TILE_PX + _GAP_PX)
        draw.text((left, _GAP_PX // 2), title, _BLACK, font)
        sheet.paste(part, (left, _GAP_PX // 2 + _LINE_HEIGHT_PX))
    for index, line in enumerate(lines):
        draw.text((_GAP_PX, TILE_PX + _GAP_PX + _LINE_HEIGHT_PX * (1 + index)), f"! {line}", _ORANGE, font)
    return sheet


def encode_seen(prediction: Drawable) -> bytes:
    """Draw a prediction as PNG, see `draw_seen`."""
    stream = io.BytesIO()
    draw_seen(prediction).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def headline(prediction: Drawable) -> str:
    """Describe the answer in a few words."""
    if prediction.text is None:
        return "not a digit"
    return f"{prediction.text}, {100 * prediction.confidence:.1f}%"


def as_grey(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert ink (H, W) in [0, 1] to uint8, dark on white."""
    return np.asarray(np.rint(255 * (1 - ink)), dtype=np.uint8)


def _draw_ink(ink: NDArray[np.float32], beside: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """Ink (h, w) in black on white; if they were told apart, other writing in blue and rules in orange."""
    if beside is None:
        return as_grey(ink)
    size = (ink.shape[1], ink.shape[0])
    sheet = np.full((*ink.shape, 3), 255, np.float32)
    layers = [np.asarray(Image.fromarray(layer).resize(size, Image.Resampling.BILINEAR)) for layer in beside]
    for cover, colour in zip((*layers[::-1], ink), (_ORANGE, _BLUE, _BLACK), strict=True):
        sheet += (np.array(ImageColor.getrgb(colour), np.float32) - sheet) * cover[:, :, np.newaxis]
    return np.rint(sheet).astype(np.uint8)


def draw_tile(pixels: NDArray[np.uint8], side: int = TILE_PX) -> Image.Image:
    """Scale a picture, (H, W) or (H, W, 3) uint8, to a bordered square; enlarged pixels stay visible."""
    picture = Image.fromarray(pixels)
    tile = Image.new(picture.mode, (side, side), _FAINT)
    factor = (side - 2) / max(picture.size)
    wanted = [max(1, round(length * factor)) for length in picture.size]
    resampling = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    picture = picture.resize((wanted[0], wanted[1]), resampling)
    tile.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile


def _draw_bars(prediction: Drawable) -> Image.Image:
    """Draw the probabilities in the order of the classes; grey if the model abstains."""
    tile = Image.new("RGB", (TILE_PX, TILE_PX), _WHITE)
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(_TEXT_PX)
    shown = sorted(np.argsort(-prediction.probabilities, kind="stable")[:MAX_BARS])
    names = max(draw.textlength(prediction.classes[index], font) for index in shown) + 8
    step = TILE_PX / (len(shown) + 1)
    longest_bar = TILE_PX - names - 44
    for row, index in enumerate(shown):
        share = float(prediction.probabilities[index])
        colour = _GREY if prediction.label is None else _BLUE
        top = row * step
        draw.text((0, top), prediction.classes[index], _BLACK, font)
        end = names + longest_bar * share
        if longest_bar * share >= 1:
            draw.rectangle((names, top + 3, end, top + step - 3), colour)
        draw.text((end + 4, top), f"{100 * share:.1f}%", _GREY, font)
    draw.text((0, len(shown) * step), f"is a digit: {100 * prediction.is_digit:.1f}%", _GREY, font)
    return tile
