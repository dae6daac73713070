"""Composed crops: reproducible, with masks where the writing is, on the same canvas as the graph's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from number_prediction.datasets.split import Splits
from number_prediction.training.graph.canvas import to_canvas
from number_prediction.training.synthesis.crops import CropComposer, CropRecipe, make_crop_composer
from number_prediction.training.synthesis.tiles import OTHER

BATCHES = range(12)


@pytest.fixture(scope="module")
def composer(mnist: Splits) -> CropComposer:
    return make_crop_composer(mnist.train.select(slice(0, 300)), {}, CropRecipe(), seed=5)


def test_a_batch_is_the_same_at_every_call(composer: CropComposer) -> None:
    first, again = composer.compose(3, 16), composer.compose(3, 16)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first.labels, composer.compose(4, 16).labels)


def test_every_crop_lies_on_the_canvas_that_the_graph_would_make_of_it(composer: CropComposer) -> None:
    for number in BATCHES:
        crops = composer.compose(number, 4)
        for picture, extent, canvas in zip(crops.picture, crops.extents, crops.canvas(), strict=True):
            height, width = extent.tolist()
            longer = max(height, width)
            if longer != crops.picture.shape[1]:
                continue  # the longer side is the crop's resolution, but for a rounding
            page = picture[:height, :width].to(torch.float32) / 255
            expected = to_canvas(page.unsqueeze(0)).grey[0]
            assert torch.allclose(expected, canvas, atol=1.1 / 255)


def test_a_digit_has_a_mask_and_an_empty_crop_has_none(composer: CropComposer) -> None:
    for number in BATCHES:
        crops = composer.compose(number, 32)
        meant = crops.masks[:, 0].amax((1, 2))
        assert (meant[crops.labels != OTHER] > 30).all()
        beyond = crops.canvas() < 0
        assert not crops.masks.amax(1)[beyond].any()


def test_shares_decide_what_is_composed(mnist: Splits) -> None:
    empty = replace(CropRecipe(), digits=0.0, others=0.0, several=0.0, empty=1.0)
    composer = make_crop_composer(mnist.train.select(slice(0, 300)), {}, empty, seed=5)
    sizes = [composer.compose(number, 16) for number in BATCHES]
    plain = [crops for crops in sizes if crops.picture.shape[1] != 28]  # of those some show the data as it is
    assert plain
    assert not np.any([crops.masks[:, 0].any() for crops in plain])
