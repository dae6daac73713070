"""The ink network: any canvas in, masks of its size out; the loss prefers what is right."""

from __future__ import annotations

import pytest
import torch

from number_prediction.training.networks.ink import MASKS, InkNet, ink_loss, look, overlap


@pytest.mark.parametrize("side", [64, 96])
def test_masks_have_the_size_of_the_canvas(side: int) -> None:
    canvas = torch.rand(2, side, side)
    canvas[:, side // 2 :] = -1
    assert InkNet().eval()(canvas).shape == (2, len(MASKS), side, side)


def test_what_lies_beyond_the_page_is_not_seen() -> None:
    canvas = torch.full((1, 1, 64, 64), -1.0)
    canvas[:, :, :32, :16] = torch.rand(32, 16)
    seen = look(canvas)
    assert not seen[:, :, 32:].any()
    assert not seen[:, :, :, 16:].any()
    assert abs(float(seen[0, 0, :32, :16].mean())) < 1e-5


def test_the_loss_is_least_where_the_masks_are_found() -> None:
    masks = torch.zeros(2, 3, 16, 16)
    masks[:, 0, 4:9, 4:9] = 1
    right, wrong = (masks * 2 - 1) * 9, (masks.roll(5, 2) * 2 - 1) * 9
    assert float(ink_loss(right, masks)) < float(ink_loss(torch.zeros_like(masks), masks))
    assert float(ink_loss(torch.zeros_like(masks), masks)) < float(ink_loss(wrong, masks))


def test_two_empty_masks_overlap_wholly() -> None:
    assert float(overlap(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8))) == 1
