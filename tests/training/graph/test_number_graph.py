"""The graph for numbers: letters give a low is_number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from number_prediction.constants import GLYPHS, LETTER
from number_prediction.datasets.split import Splits
from number_prediction.training.graph.number_graph import NumberGraph
from number_prediction.training.loop.ctc import read_greedily
from tests.helpers.number_training import STEPS, write_line


class Says(torch.nn.Module):
    """A network that is sure of what it says, whatever it sees."""

    def __init__(self, classes: list[int]) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(N, 40, W) -> logits (N, W / 2, C): a class every sixteen pixels, blank between."""
        logits = torch.zeros(len(frames), frames.shape[2] // 2, LETTER + 1)
        logits[:, :, 0] = 12
        for place, one in enumerate(self.classes):
            logits[:, 6 + 8 * place] = 12 * torch.eye(LETTER + 1)[one]
        return logits


@pytest.mark.parametrize(
    ("classes", "text", "expected"), [([8, 3], "72", 1), ([8, LETTER], "7", 0), ([LETTER] * 3, "", 0)]
)
def test_where_a_letter_stands_there_is_no_number(
    mnist: Splits, classes: list[int], text: str, expected: float
) -> None:
    page, _ = write_line(mnist, [0, 1, 3, 4], factor=2, margin=10)
    answer = NumberGraph(Says(classes))(torch.tensor(page[np.newaxis]))
    assert answer.is_number.item() == pytest.approx(expected, abs=0.01)
    torch.testing.assert_close(answer.probabilities.sum(2), torch.ones(1, STEPS))
    (read,) = read_greedily(answer.probabilities)
    assert "".join(GLYPHS[glyph] for glyph in read if glyph in (3, 8)) == text
