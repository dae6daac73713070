"""The graph for lines on paper: what its classes do to the text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from number_prediction.constants import GLYPHS, LETTER, OTHER_SIGN, PAPER_LINE_HEIGHT, STRUCK_OUT
from number_prediction.datasets.split import Splits
from number_prediction.training.graph.canvas import BEYOND
from number_prediction.training.graph.ink_frames import LineReader
from number_prediction.training.graph.paper_number_graph import STEP_WIDTH_PX, PaperNumberGraph
from number_prediction.training.loop.ctc import read_greedily
from number_prediction.training.networks.paper_lines import PaperLineNet
from number_prediction.training.networks.ppocr import CLASS_COUNT
from tests.helpers.number_training import write_line
from tests.training.graph.test_ink_frames import DarkIsInk


class Says(nn.Module):
    """A network that is sure of what it says, whatever it sees."""

    def __init__(self, classes: list[tuple[int, float]]) -> None:
        """Classes and their probabilities; the rest goes to the digit 4."""
        super().__init__()
        self.classes = classes

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(N, h, W) -> logits (N, T, C): a class every four steps, blank between."""
        shares = torch.full((len(frames), frames.shape[2] // STEP_WIDTH_PX, CLASS_COUNT), 1e-6)
        shares[:, :, 0] = 1
        for place, (one, share) in enumerate(self.classes):
            shares[:, 2 + 4 * place] = 1e-6
            shares[:, 2 + 4 * place, one] = share
            shares[:, 2 + 4 * place, GLYPHS.index("4")] += 1 - share
        return shares.log()


def graph_of(classes: list[tuple[int, float]]) -> PaperNumberGraph:
    return PaperNumberGraph(LineReader(DarkIsInk(), nn.Sequential(Says(classes))))


@pytest.mark.parametrize(
    ("classes", "text", "is_number"),
    [
        ([(8, 1.0), (3, 1.0)], "72", 1),
        ([(OTHER_SIGN, 1.0), (8, 1.0)], "7", 1),
        ([(STRUCK_OUT, 1.0), (8, 1.0)], "7", 1),
        ([(8, 1.0), (LETTER, 0.99)], "7", 0.01),
        ([(8, 1.0), (LETTER, 0.5)], "74", 0.5),
    ],
)
def test_signs_and_struck_out_writing_leave_the_text_and_doubtful_letters_stay_digits(
    mnist: Splits, classes: list[tuple[int, float]], text: str, is_number: float
) -> None:
    page, _ = write_line(mnist, [0, 1, 3, 4], factor=2, margin=10)
    answer = graph_of(classes)(torch.tensor(page[np.newaxis]))
    (read,) = read_greedily(answer.probabilities)
    assert "".join(GLYPHS[glyph] for glyph in read) == text
    assert answer.is_number.item() == pytest.approx(is_number, abs=0.01)
    assert answer.probabilities.shape[2] == len(GLYPHS)
    torch.testing.assert_close(answer.probabilities.sum(2), torch.ones(answer.probabilities.shape[:2]))


def test_blank_paper_reads_nothing() -> None:
    page = torch.full((1, 60, 200), 255, dtype=torch.uint8)
    answer = graph_of([(8, 1.0)])(page)
    assert (answer.probabilities[:, :, 0] == 1).all()
    assert not answer.frame.any()


def test_the_network_answers_a_line_alike_beside_a_wider_one() -> None:
    torch.manual_seed(0)
    network = PaperLineNet(CLASS_COUNT).eval()
    lines = torch.rand(2, PAPER_LINE_HEIGHT, 160)
    lines[0, :, 96:] = BEYOND
    with torch.no_grad():
        alone, both = network(lines[:1, :, :96]), network(lines)
    torch.testing.assert_close(both[:1, : alone.shape[1]], alone, atol=1e-4, rtol=1e-4)
