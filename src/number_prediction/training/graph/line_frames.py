"""Page with a line of writing -> frame of the line: the paper as it is, where the ink network finds the line.

In: grey (N, h, w). Out: frames (N, PAPER_LINE_HEIGHT, W), their digits about DIGIT_HEIGHT_PX high; W is that
of the widest line of the batch. The ink only says where the line is and what is dark: a fault of it is not
fatal, because the network reads the grey.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.constants import PAPER_LINE_HEIGHT, PAPER_LINE_WIDTH
from number_prediction.training.graph.canvas import BEYOND, to_line_canvas
from number_prediction.training.graph.ink_frames import IN_BOX, SMALLEST_CONTRAST, mean_grey, tell_apart

COLUMN_PX = 8
"""Width of a column of the network's last layers; a line is a multiple of it wide."""
STEPS_PER_COLUMN = 2
"""Time steps of a column, so that narrow digits that repeat have room for a blank between them."""
DIGIT_HEIGHT_PX = 0.75 * PAPER_LINE_HEIGHT
"""Height of a line's ink in the frame."""
SIDE_MARGIN_PX = 10.0
"""Margin left and right of the ink; beyond the edge of the page, half of it."""
MIN_WIDTH_PX = 16
"""Width of the narrowest frame."""
ROW_SHARE = 0.08
"""Rows with less ink than this share of the fullest row are not of the line's height."""
COLUMN_INK = 0.8
"""Ink, in pixels of the canvas, of the first and last column of a line."""
LIGHTEST, DARKEST = -0.9, 1.9
"""Limits of the grey: 0 is the paper, 1 the mean ink."""


class Extent(NamedTuple):
    """Where lines are, (N, 1) each, in pixels of the page."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


class LineFrame(NamedTuple):
    """Lines as the network sees them, and their places on the page."""

    grey: Tensor
    """(N, PAPER_LINE_HEIGHT, W) float32 in [LIGHTEST, DARKEST]; BEYOND right of a line's own width."""
    ink: Tensor
    """(N, PAPER_LINE_HEIGHT, W) float32 in [0, 1]."""
    place: Tensor
    """(N, 3) float32, in pixels of the page: left and top of the frame, and the side of one of its pixels."""


def find_line(network: nn.Module, grey: Tensor) -> LineFrame:
    """The line of writing that is meant on pages.

    Args:
        network: canvases (N, H, W) -> logits (N, 3, H, W): meant writing, other writing, rules.
        grey: (N, h, w) float32 in [0, 1].
    """
    ink, step = find_line_ink(network, grey)
    return cut_out(ink, step, grey, find_extent(ink, step))


def find_line_ink(network: nn.Module, grey: Tensor) -> tuple[Tensor, Tensor]:
    """Ink (N, H, W) in [0, 1] of the line on its canvas, and pixels of the page in one of the canvas, ()."""
    canvas = to_line_canvas(grey)
    return tell_apart(network, canvas.grey)[:, 0], canvas.step


def find_extent(ink: Tensor, step: Tensor) -> Extent:
    """The box of a line's ink (N, H, W); that of a blank page is one pixel."""
    rows = ink.sum(2)
    top, bottom = _ends(rows > ROW_SHARE * rows.amax(1, keepdim=True))
    left, right = _ends(ink.sum(1) > COLUMN_INK)
    return Extent(top * step, bottom * step, left * step, right * step)


def _ends(marked: Tensor) -> tuple[Tensor, Tensor]:
    """The first place (N, 1) that is marked (N, M), and the one behind the last."""
    index = torch.arange(marked.shape[1], dtype=torch.float32)
    begin = torch.where(marked, index, index[-1:]).amin(1, keepdim=True)
    end = torch.where(marked, index + 1, 0.0).amax(1, keepdim=True)
    return begin, torch.maximum(end, begin + 1)


def cut_out(
    ink: Tensor,
    canvas_step: Tensor,
    grey: Tensor,
    extent: Extent,
    *,
    digit_height_px: float = DIGIT_HEIGHT_PX,
    margin_px: float = SIDE_MARGIN_PX,
) -> LineFrame:
    """Cut lines of an extent out of pages.

    Args:
        ink: (N, H, W) in [0, 1], on the canvas.
        canvas_step: pixels of the page in one of the canvas.
        grey: (N, h, w) in [0, 1].
        extent: where the lines are.
        digit_height_px: height of the extent in the frame.
        margin_px: what is shown left and right of it, in pixels of the frame.
    """
    top, bottom, left, right = extent
    page_width = torch.ones(grey.shape[2]).sum()
    step = (bottom - top).clamp(min=1) / digit_height_px
    begin = torch.maximum(left - margin_px * step, -margin_px / 2 * step)
    end = torch.minimum(right + margin_px * step, page_width + margin_px / 2 * step)
    step = torch.maximum(step, (end - begin) / PAPER_LINE_WIDTH)
    shown = ((end - begin) / step - 1e-4).ceil().clamp(MIN_WIDTH_PX, PAPER_LINE_WIDTH)
    width_px = (shown / COLUMN_PX).ceil() * COLUMN_PX  # (N, 1)
    columns: int = width_px.amax((0, 1)).to(torch.int64).item()  # type: ignore[assignment]
    torch._check(columns >= MIN_WIDTH_PX)  # type: ignore[no-untyped-call] # the exporter needs both limits
    torch._check(columns <= PAPER_LINE_WIDTH)  # type: ignore[no-untyped-call]
    y = (top + bottom) / 2 - step * PAPER_LINE_HEIGHT / 2
    down, across = torch.arange(PAPER_LINE_HEIGHT), torch.arange(columns)
    rows, sides = _sample(grey.shape[1], y, step, down), _sample(grey.shape[2], begin, step, across)
    seen = rows @ grey @ sides.transpose(1, 2)
    inside = rows.sum(2).unsqueeze(2) * sides.sum(2).unsqueeze(1)
    written = (
        _sample(ink.shape[1], y / canvas_step, step / canvas_step, down)
        @ ink
        @ _sample(ink.shape[2], begin / canvas_step, step / canvas_step, across).transpose(1, 2)
    )
    is_shown = (across < width_px).unsqueeze(1)
    seen, inside, written = seen * is_shown, inside * is_shown, written * is_shown
    shown_grey = torch.where(is_shown, _normalise(seen, inside, written), BEYOND)
    return LineFrame(shown_grey, written, torch.cat([begin, y, step], 1))


def _normalise(seen: Tensor, inside: Tensor, ink: Tensor) -> Tensor:
    """Grey of which 0 is the paper and 1 the mean ink, of what is seen (N, h, w) inside a page."""
    strong = ink * (ink > IN_BOX)
    beside = (1 - ink).clamp(min=0).square()
    ink_grey, paper_grey = mean_grey(seen, inside, strong), mean_grey(seen, inside, beside)
    away = (ink_grey - paper_grey) * ((inside * strong).sum((1, 2)) > 0)
    contrast = torch.where(away > 0, 1.0, -1.0) * away.abs().clamp(min=SMALLEST_CONTRAST)
    grey = (seen - paper_grey.reshape(-1, 1, 1) * inside) / contrast.reshape(-1, 1, 1)
    return grey.clamp(LIGHTEST, DARKEST)


def _sample(size: int, begin: Tensor, step: Tensor, target: Tensor) -> Tensor:
    """(N, targets, size): the share of each source pixel in each target pixel.

    Where the picture is reduced, a target is the mean of what it covers; where it is enlarged, it lies
    between two source pixels.
    """
    start = (begin + step * target).unsqueeze(2)  # (N, targets, 1)
    side = step.unsqueeze(2)
    pixel = torch.arange(size, dtype=torch.float32)
    covered = (torch.minimum(start + side, pixel + 1) - torch.maximum(start, pixel)).clamp(min=0) / side
    between = (1 - (start + side / 2 - 0.5 - pixel).abs()).clamp(min=0)
    return torch.where(side > 1, covered, between)
