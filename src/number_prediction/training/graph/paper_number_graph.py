"""The number graph for lines on paper: a page with one line -> glyph probabilities by step, and their place.

Its outputs are those of `NumberGraph`, so Python, server and browser run either. An ink network finds the
line, a reader sees the paper there, and has classes of its own for letters, other signs and what is struck
out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from number_prediction.constants import LETTER, OTHER_SIGN
from number_prediction.training.graph.canvas import BEYOND
from number_prediction.training.graph.ink import reduce_page
from number_prediction.training.graph.ink_frames import LineReader
from number_prediction.training.graph.line_frames import COLUMN_PX, STEPS_PER_COLUMN, find_line
from number_prediction.training.graph.number_graph import MIN_NO_LETTER_PROBABILITY, NumberAnswer

STEP_WIDTH_PX = COLUMN_PX // STEPS_PER_COLUMN
"""Width of a time step."""
DOUBTFUL_LETTER = 0.5
"""A letter of at most this probability is read as the digit that it is least unlike; a certain one as
nothing."""


class PaperNumberGraph(nn.Module):
    """Ink, framing, reader and softmax in one module, of dynamic batch, height and width."""

    def __init__(self, network: LineReader, *, temperature: float = 1.0) -> None:
        """The logits of `network` are divided by `temperature`."""
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, page: Tensor) -> NumberAnswer:  # (N, H, W) uint8
        grey, scale = reduce_page(page)
        frame = find_line(self.network.ink, grey.squeeze(1))
        logits = self.network(frame.grey) / self.temperature
        shares = torch.softmax(logits, 2)
        is_line = (frame.ink.amax((1, 2)) > 0).to(torch.float32).reshape(-1, 1)
        is_shown = (frame.grey[:, 0, STEP_WIDTH_PX // 2 :: STEP_WIDTH_PX] > BEYOND).to(torch.float32)
        is_read = (is_shown * is_line).unsqueeze(2)
        blank = (torch.arange(shares.shape[2]) == 0).to(torch.float32)
        shares = shares * is_read + blank * (1 - is_read)
        letter = shares[:, :, LETTER : LETTER + 1]
        no_letter = (1 - letter).clamp(min=MIN_NO_LETTER_PROBABILITY)
        is_number = torch.exp(torch.log(no_letter).sum((1, 2)))  # steps are independent
        return NumberAnswer(frame.ink, _glyphs(shares, letter), frame.place * scale, is_number)


def _glyphs(shares: Tensor, letter: Tensor) -> Tensor:
    """(N, T, G): probabilities of GLYPHS. Other signs, struck-out writing and certain letters are blank."""
    certain = ((letter - DOUBTFUL_LETTER) / (1 - DOUBTFUL_LETTER)).clamp(0, 1) * letter
    left_out = shares[:, :, OTHER_SIGN:].sum(2, keepdim=True) + certain
    is_blank = (torch.arange(LETTER) == 0).to(torch.float32)
    glyphs = shares[:, :, :LETTER] + left_out * is_blank
    return glyphs / glyphs.sum(2, keepdim=True).clamp(min=MIN_NO_LETTER_PROBABILITY)
