"""Page -> two frames of the meant writing: its ink, and the paper as it is at the same place.

The ink network finds the ink on a small canvas. Its soft mask gives the place. The frame of paper is cut from
the page itself and normalised by the grey under the mask and beside it. A fault of the mask is not fatal:
what it missed is still visible on the paper.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from number_prediction.training.graph import components
from number_prediction.training.graph.canvas import cell_weights, is_page, spread_weights, to_canvas
from number_prediction.training.graph.framing import Place, find_place

FAINTEST = 0.1
"""Mask below which there is no ink."""
IN_BOX = 0.4
"""Ink above this counts for the box; a page without any is blank."""
SMALLEST_CONTRAST = 0.02
"""Difference of grey between ink and paper to which a smaller one is not enlarged."""
LIGHTER = 1e-3
"""Difference of grey from which ink counts as lighter than its paper."""


class InkedNetwork(nn.Module):
    """A reader, and the ink network that makes its frames; only the reader learns."""

    def __init__(self, ink: nn.Module, reader: nn.Sequential) -> None:
        """`ink`: canvases -> logits of masks; `reader`: a normalization and an architecture."""
        super().__init__()
        self.ink, self.reader = ink.requires_grad_(False), reader

    @property
    def architecture(self) -> nn.Module:
        """The recipe's network, behind the normalization."""
        return self.reader[-1]

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.ink.eval()
        return self


class LineReader(InkedNetwork):
    """A reader of lines: frames (N, PAPER_LINE_HEIGHT, W) -> logits (N, T, C)."""

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.reader(frames)
        return logits


class Framed(NamedTuple):
    """The writing that is meant on N pages."""

    ink: Tensor
    """(N, 28, 28) float32 in [0, 1]."""
    paper: Tensor
    """(N, 28, 28) float32 in [0, 1]: 1/3 is as the paper, 2/3 as the ink."""
    place: Place
    peak: Tensor
    """(N,) float32 in [0, 1]: the frame's strongest ink before it was made 1."""
    ink_grey: Tensor
    """(N,) float32 in [0, 1]: mean grey under the ink."""
    paper_grey: Tensor
    """(N,) float32 in [0, 1]: mean grey beside it."""


class Inked(NamedTuple):
    """What was found on N pages."""

    framed: Framed
    ink: Tensor
    """(N, h, w) float32 in [0, 1]: the writing that is meant, on the page."""
    beside: Tensor
    """(N, 2, S, S) float32 in [0, 1]: other writing and rules, on the canvas."""
    measured: dict[str, Tensor]
    """(N,) float32 by the names of MEASURES."""


def find_writing(network: nn.Module, grey: Tensor, scale: Tensor) -> Inked:
    """The writing that is meant on pages.

    Args:
        network: canvases (N, S, S) -> logits (N, 3, S, S): meant writing, other writing, rules.
        grey: (N, h, w) float32 in [0, 1].
        scale: () pixels of the picture, a side, in one of `grey`.
    """
    canvas = to_canvas(grey)
    masks = tell_apart(network, canvas.grey)
    ink = masks[:, 0]
    height, width = grey.shape[1], grey.shape[2]
    framed = frame_both(ink, canvas.step, grey, torch.ones(1, height), torch.ones(1, width))
    side = ink.shape[1]
    down, across = (spread_weights(size, side, canvas.step) for size in (height, width))
    on_page = down @ ink @ across.T
    is_light = (framed.ink_grey - framed.paper_grey > LIGHTER).to(torch.float32)
    brighter = framed.paper_grey + is_light * (1 - 2 * framed.paper_grey)
    rows, columns = (cell_weights(components.CELLS, size, side, canvas.step) for size in (height, width))
    marks = components.keep_digit((rows @ ink @ columns.T).unsqueeze(1))
    measured = {
        "second_mark": marks.second_mark,
        "at_edge": marks.at_edge,
        "stroke": framed.peak,
        "contrast": (framed.ink_grey - framed.paper_grey).abs() / brighter.clamp(min=0.1),
        "inverted": is_light,
        "side": framed.place.side.flatten() * canvas.step * scale,
    }
    return Inked(framed, on_page, masks[:, 1:], measured)


def tell_apart(network: nn.Module, canvas: Tensor) -> Tensor:
    """Masks (N, 3, S, S) in [0, 1] on canvases: the meant writing, other writing, rules.

    Nothing is meant on a blank page.
    """
    inside = is_page(canvas).to(torch.float32)
    masks = torch.sigmoid(network(canvas)) * inside.unsqueeze(1)
    meant = ((masks[:, 0] - FAINTEST) / (1 - FAINTEST)).clamp(min=0)
    is_written = (meant.amax((1, 2), keepdim=True) > IN_BOX).to(torch.float32)
    return torch.cat([(meant * is_written).unsqueeze(1), masks[:, 1:]], 1)


def mean_grey(seen: Tensor, inside: Tensor, weight: Tensor) -> Tensor:
    """(N,) mean grey of what is seen (N, h, w) of pages, `inside` by shares, by weights; 0 without any."""
    return (seen * weight).sum((1, 2)) / (inside * weight).sum((1, 2)).clamp(min=1e-6)


def frame_both(ink: Tensor, step: Tensor, grey: Tensor, rows: Tensor, columns: Tensor) -> Framed:
    """Frames of ink on canvases (N, S, S) and of the pages (N, h, w) under it.

    Args:
        ink: in [0, 1].
        step: pixels of the page in one of the canvas.
        grey: in [0, 1].
        rows: (N or 1, h) 1 where the page is, 0 beyond it.
        columns: (N or 1, w) the same.
    """
    place = find_place(ink, IN_BOX)
    side = ink.shape[1]
    covered = place.rows(side) @ ink @ place.columns(side).transpose(1, 2)
    peak = covered.amax((1, 2), keepdim=True)
    frame = covered / torch.where(peak > 0, peak, 1.0)
    to_rows = place.rows(grey.shape[1], 1 / step) * rows.unsqueeze(1)
    to_columns = place.columns(grey.shape[2], 1 / step) * columns.unsqueeze(1)
    seen = to_rows @ grey @ to_columns.transpose(1, 2)
    inside = to_rows.sum(2).unsqueeze(2) * to_columns.sum(2).unsqueeze(1)
    beside = (1 - frame).square()
    ink_grey, paper_grey = mean_grey(seen, inside, frame), mean_grey(seen, inside, beside)
    away = ink_grey - paper_grey
    contrast = torch.where(away < 0, -1.0, 1.0) * away.abs().clamp(min=SMALLEST_CONTRAST)
    paper = (seen - paper_grey.reshape(-1, 1, 1) * inside) / contrast.reshape(-1, 1, 1)
    has_ink = (peak > 0).to(torch.float32)
    shown = (paper * has_ink + 1).clamp(0, 3) / 3
    return Framed(frame, shown, place, peak.flatten(), ink_grey, paper_grey)
