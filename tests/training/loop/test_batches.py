"""Batches of lines: a restored state continues the same stream."""

from __future__ import annotations

import pytest
import torch

from number_prediction.datasets.split import Splits
from number_prediction.training.loop.batches import REFERENCE_WIDTH_PX, LineBatches
from number_prediction.training.synthesis.glyphs import draw_glyphs
from number_prediction.training.synthesis.lines import LineComposer
from tests.helpers.number_training import LINES


@pytest.fixture(scope="module")
def composer(few_digits: Splits) -> LineComposer:
    return LineComposer(draw_glyphs(few_digits.train, LINES, seed=0), seed=0)


def test_lines_go_on_where_their_state_was_taken(composer: LineComposer) -> None:
    def stream() -> LineBatches:
        return LineBatches(composer, batch_size=8, epoch=64, seed=5, device=torch.device("cpu"))

    first, second = stream(), stream()
    for _ in range(3):
        first.next()
    second.next()
    second.restore(first.state())
    for _ in range(3):
        (frames, written), (again, expected) = first.next(), second.next()
        assert torch.equal(frames, again)
        assert written == expected
        assert len(frames) == max(2, round(8 * REFERENCE_WIDTH_PX / written.width))
