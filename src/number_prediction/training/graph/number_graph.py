"""The number graph: a page with one line of writing -> glyph probabilities by time step, and their place."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.constants import LETTER, LINE_WIDTH
from number_prediction.training.graph.ink import find_ink_marks
from number_prediction.training.graph.line_framing import LineFraming

MIN_LINE_SIGMAS = 3.0
"""A line of less contrast than this, in standard deviations of the paper's noise, is blank."""
MIN_COLUMN_INK = 0.05
"""Minimum ink of a column of the frame with writing."""
READ_BEYOND_INK_PX = 4
"""The network's answer counts up to this distance right of the last ink; beyond it, all steps are blank."""
SHOWN_BEYOND_INK_PX = 56
"""The network sees this much right of the last ink, which is more than its receptive field."""
STEP_WIDTH_PX = 2
"""Width of a time step."""
MIN_NO_LETTER_PROBABILITY = 1e-6
"""Minimum probability of no letter at a step, to keep its logarithm finite."""
WIDTH_STRIDE_PX = 16
"""The network sees a multiple of this many columns."""


class NumberAnswer(NamedTuple):
    """Outputs of the number graph, in the order of the ONNX file's."""

    frame: Tensor
    """(N, 40, 480) float32 in [0, 1]: the network's input."""
    probabilities: Tensor
    """(N, T, G) float32: probabilities of GLYPHS at each step, given that no letter is on the line. Each row
    sums to 1; a step is 480 / T pixels of the frame wide."""
    place: Tensor
    """(N, 3) float32, in pixels of the page: left and top of the frame, and the side of one of its pixels."""
    is_number: Tensor
    """(N,) float32 in [0, 1]: probability that no letter is on the line."""


class NumberGraph(nn.Module):
    """Ink, line framing, network and softmax in one module, of dynamic batch, height and width."""

    def __init__(self, network: nn.Module, *, temperature: float = 1.0) -> None:
        """`network` maps lines (N, 40, W) in [0, 1] to logits (N, T, G + 1); divided by `temperature`."""
        super().__init__()
        self.framing = LineFraming()
        self.network = network
        self.temperature = temperature

    def forward(self, page: Tensor) -> NumberAnswer:  # (N, H, W) uint8
        marks = find_ink_marks(page, MIN_LINE_SIGMAS)
        frame, place = self.framing(marks.ink.squeeze(1))
        shares = self._read(frame)
        no_letter = (1 - shares[:, :, LETTER]).clamp(min=MIN_NO_LETTER_PROBABILITY)
        is_number = torch.exp(torch.log(no_letter).sum(1))  # steps are independent
        return NumberAnswer(frame, shares[:, :, :LETTER], place * marks.scale, is_number)

    def _read(self, frame: Tensor) -> Tensor:
        """Frames (N, 40, 480) -> (N, T, G + 1): probabilities of glyphs given no letter, and of a letter.

        The network sees the written part only. So its time grows with the longest line of the batch, and no
        line's answer depends on the other lines.
        """
        is_inked = (frame.amax(1) > MIN_COLUMN_INK).to(torch.float32)
        end = (is_inked * torch.arange(1, LINE_WIDTH + 1)).amax(1, keepdim=True)  # (N, 1)
        least, most = SHOWN_BEYOND_INK_PX // WIDTH_STRIDE_PX, LINE_WIDTH // WIDTH_STRIDE_PX
        strides = ((end.flatten().amax(0) + SHOWN_BEYOND_INK_PX) / WIDTH_STRIDE_PX).ceil().clamp(max=most)
        shown: int = strides.to(torch.int64).item()  # type: ignore[assignment]
        torch._check(shown >= least)  # type: ignore[no-untyped-call] # the exporter needs both limits
        torch._check(shown <= most)  # type: ignore[no-untyped-call]
        logits = self.network(frame[:, :, : WIDTH_STRIDE_PX * shown]) / self.temperature
        rest = (LINE_WIDTH - WIDTH_STRIDE_PX * shown) // STEP_WIDTH_PX
        glyphs, letter = torch.softmax(logits[:, :, :LETTER], 2), torch.softmax(logits, 2)[:, :, LETTER:]
        shares = F.pad(torch.cat([glyphs, letter], 2), (0, 0, 0, rest))
        middle = STEP_WIDTH_PX * (torch.arange(LINE_WIDTH // STEP_WIDTH_PX) + 0.5)
        is_paper = (middle > end + READ_BEYOND_INK_PX).unsqueeze(2)
        blank = (torch.arange(shares.shape[2]) == 0).to(torch.float32)
        return torch.where(is_paper, blank, shares)
