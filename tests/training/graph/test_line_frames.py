"""Page -> frame of its line, where the ink network is one that knows the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from number_prediction.constants import PAPER_LINE_HEIGHT, PAPER_LINE_WIDTH
from number_prediction.datasets.split import Splits
from number_prediction.training.graph.canvas import BEYOND, LINE_MULTIPLE_PX, LINE_SIDE_PX, to_line_canvas
from number_prediction.training.graph.line_frames import COLUMN_PX, DIGIT_HEIGHT_PX, find_line
from tests.helpers.number_training import write_line
from tests.training.graph.test_ink_frames import DarkIsInk


@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 20), (30, 900), (700, 1000), (128, 64)])
def test_a_page_keeps_its_aspect_on_the_canvas(height: int, width: int) -> None:
    canvas, step = to_line_canvas(torch.full((1, height, width), 0.25))
    assert canvas.shape[1] % LINE_MULTIPLE_PX == canvas.shape[2] % LINE_MULTIPLE_PX == 0
    assert max(canvas.shape) <= LINE_SIDE_PX
    inside = canvas[0] > BEYOND
    assert int(inside.any(1).sum()) == pytest.approx(height / float(step), abs=1)
    assert int(inside.any(0).sum()) == pytest.approx(width / float(step), abs=1)
    torch.testing.assert_close(canvas[0][inside], torch.full_like(canvas[0][inside], 0.25))


@pytest.mark.parametrize(("factor", "margin"), [(1, 4), (2, 30), (5, 20), (8, 60)])
def test_digits_are_cut_out_at_one_height(mnist: Splits, factor: int, margin: int) -> None:
    page, places = write_line(mnist, [0, 1, 2, 3], factor=factor, margin=margin)
    frame = find_line(DarkIsInk(), torch.tensor(page).unsqueeze(0).to(torch.float32) / 255)
    assert frame.ink.shape == frame.grey.shape
    assert frame.ink.shape[1] == PAPER_LINE_HEIGHT
    assert frame.ink.shape[2] % COLUMN_PX == 0
    rows, columns = (torch.nonzero(frame.ink[0].amax(axis) > 0.4).squeeze(1) for axis in (1, 0))
    assert 0.75 * DIGIT_HEIGHT_PX < rows[-1] - rows[0] + 1 < 1.2 * DIGIT_HEIGHT_PX
    x, y, side = frame.place[0].tolist()
    assert x + float(columns[0]) * side == pytest.approx(places[0][0], abs=3 * max(side, factor))
    assert y + float(rows[0]) * side == pytest.approx(
        min(each[1] for each in places), abs=3 * max(side, factor)
    )


def test_paper_is_0_and_ink_1_whatever_their_grey(mnist: Splits) -> None:
    page, _ = write_line(mnist, [0, 1, 3], factor=2, margin=12)
    dark = torch.tensor(page).unsqueeze(0).to(torch.float32) / 255
    expected = find_line(DarkIsInk(), dark)
    pale = find_line(DarkIsInk(), 0.3 + 0.4 * dark)
    shown = expected.grey > BEYOND
    difference = (expected.grey - pale.grey)[shown].abs()
    assert float(difference.mean()) < 0.05
    assert float(expected.grey[shown].median()) == pytest.approx(0, abs=0.05)
    assert float(expected.grey[shown & (expected.ink > 0.8)].mean()) == pytest.approx(1, abs=0.15)


def test_a_line_looks_alike_beside_a_wider_one(mnist: Splits) -> None:
    """Only its columns beyond its own width are added."""
    wide, _ = write_line(mnist, [0, 1, 2, 3, 4], factor=2, margin=10)
    narrow = np.full_like(wide, 255)
    short, _ = write_line(mnist, [0], factor=2, margin=10)
    narrow[:, : short.shape[1]] = short
    pages = torch.tensor(np.stack([narrow, wide])).to(torch.float32) / 255
    alone, both = find_line(DarkIsInk(), pages[:1]), find_line(DarkIsInk(), pages)
    width = alone.grey.shape[2]
    torch.testing.assert_close(both.grey[:1, :, :width], alone.grey)
    assert (both.grey[0, :, width:] == BEYOND).all()
    assert not both.ink[0, :, width:].any()


def test_a_long_line_fits(mnist: Splits) -> None:
    page, _ = write_line(mnist, list(range(60)), factor=1, margin=4)
    frame = find_line(DarkIsInk(), torch.tensor(page).unsqueeze(0).to(torch.float32) / 255)
    assert frame.grey.shape[2] <= PAPER_LINE_WIDTH
    columns = torch.nonzero(frame.ink[0].amax(0) > 0.4).squeeze(1)
    assert columns[-1] - columns[0] > 0.9 * PAPER_LINE_WIDTH


@pytest.mark.parametrize("grey", [0.0, 0.6, 1.0])
def test_a_blank_page_has_no_ink(grey: float) -> None:
    frame = find_line(
        lambda canvas: torch.full((len(canvas), 3, *canvas.shape[1:]), -9.0), torch.full((1, 20, 30), grey)
    )  # type: ignore[arg-type]
    assert not frame.ink.any()
    assert torch.isfinite(frame.grey).all()
