"""Training of a model for numbers: the loss falls, and a resumed training ends with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from number_prediction.datasets.split import Splits
from number_prediction.runs.run import Run
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.fit import fit
from tests.helpers.number_training import LINES, RECIPE, few_lines, start


@pytest.fixture(autouse=True)
def _few_lines() -> Iterator[None]:
    with few_lines():
        yield


def test_training_makes_the_loss_fall(number_run: Run) -> None:
    losses = [record.validation_loss for record in number_run.records() if record.validation_loss is not None]
    assert losses[-1] < 0.8 * losses[0]


def test_a_training_that_was_stopped_ends_with_the_same_weights(
    number_run: Run, few_digits: Splits, tmp_path: Path
) -> None:
    run = start(tmp_path / "stopped")
    records = fit(run, few_digits)
    while next(records).step < 6:
        pass
    records.close()
    assert load_checkpoint(run.checkpoint_path)[1]["step"] < RECIPE.epochs * LINES.epoch / RECIPE.batch_size
    for _ in fit(run, few_digits):
        pass
    tensors, expected = (load_checkpoint(each.checkpoint_path)[0] for each in (run, number_run))
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors.items())
