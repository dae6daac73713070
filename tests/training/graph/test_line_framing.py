"""Framing of lines: digits of one height, and blank pages."""

from __future__ import annotations

import pytest
import torch

from number_prediction.constants import LINE_HEIGHT, LINE_WIDTH
from number_prediction.datasets.split import Splits
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX, LineFraming
from tests.helpers.number_training import write_line


@pytest.mark.parametrize(("factor", "margin"), [(1, 4), (2, 30), (5, 20), (11, 60)])
def test_digits_are_scaled_to_one_height(mnist: Splits, factor: int, margin: int) -> None:
    page, places = write_line(mnist, [0, 1, 2, 3], factor=factor, margin=margin)
    ink = torch.tensor(255 - page).to(torch.float32).unsqueeze(0) / 255
    frame, place = LineFraming()(ink)
    assert frame.shape == (1, LINE_HEIGHT, LINE_WIDTH)
    assert frame.min() >= 0
    assert frame.max() == pytest.approx(1)
    rows, columns = (torch.nonzero(frame[0].amax(axis) > 0.4).squeeze(1) for axis in (1, 0))
    assert 0.75 * DIGIT_HEIGHT_PX < rows[-1] - rows[0] + 1 < 1.15 * DIGIT_HEIGHT_PX
    x, y, side = place[0].tolist()
    assert x + float(columns[0]) * side == pytest.approx(places[0][0], abs=2 * side)
    assert x + float(columns[-1] + 1) * side == pytest.approx(places[-1][2], abs=2 * side)
    assert y + float(rows[0]) * side == pytest.approx(min(each[1] for each in places), abs=2 * side)


def test_a_page_without_ink_gives_an_empty_frame() -> None:
    frame, place = LineFraming()(torch.zeros(2, 40, 90))
    assert not frame.any()
    assert torch.isfinite(place).all()
