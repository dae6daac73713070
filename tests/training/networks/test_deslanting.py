"""Slanted lines are set upright."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from number_prediction.constants import LINE_HEIGHT
from number_prediction.training.networks.deslanting import TRIED_SLANTS, Deslanting, shear

WIDTH = 160


def strokes(columns: list[int]) -> Tensor:
    """(1, LINE_HEIGHT, WIDTH): upright strokes of three pixels."""
    line = torch.zeros(1, LINE_HEIGHT, WIDTH)
    for column in columns:
        line[:, 6:34, column : column + 3] = 1
    return line


@pytest.mark.parametrize("slant", TRIED_SLANTS.tolist())
def test_the_slant_is_found(slant: float) -> None:
    slanted = shear(strokes([40, 62, 90, 101]), torch.tensor([[-slant]]))
    assert float(Deslanting().find_slant(slanted)) == pytest.approx(slant, abs=0.101)
    inked = (Deslanting()(slanted).amax(1) > 0.5).sum()
    assert inked <= 4 * 5


def test_upright_and_empty_lines_stay_as_they_are() -> None:
    lines = torch.cat([strokes([50, 80]), torch.zeros(1, LINE_HEIGHT, WIDTH)])
    assert torch.equal(Deslanting()(lines), lines)
    assert not Deslanting().find_slant(lines).any()


@settings(max_examples=40, deadline=None)
@given(
    slant=st.floats(-1, 1),
    row=st.integers(0, LINE_HEIGHT - 1),
    column=st.integers(LINE_HEIGHT, WIDTH - LINE_HEIGHT - 1),
)
def test_a_pixel_goes_along_its_row(slant: float, row: int, column: int) -> None:
    """Its ink is kept, and lies left or right by the slant times its height above the middle."""
    line = torch.zeros(1, LINE_HEIGHT, WIDTH)
    line[0, row, column] = 1
    moved = shear(line, torch.tensor([[slant]]))[0]
    assert float(moved.sum()) == pytest.approx(1, abs=1e-4)
    rows, columns = np.nonzero(moved.numpy() > 1e-6)
    assert set(rows) == {row}
    place = float((moved[row] * torch.arange(WIDTH)).sum())
    assert place == pytest.approx(column - slant * ((LINE_HEIGHT - 1) / 2 - row), abs=1e-2)
    assert columns.max() - columns.min() <= 1
