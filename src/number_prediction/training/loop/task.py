"""What the training loop asks of a task: batches, the loss, the validation and the calibration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from number_prediction.training.loop.batches import Stream, Targets

VALIDATION_SEED = 1_000_000
"""Added to the seed for generated validation pictures, so that none of them is trained on."""


class Validation(NamedTuple):
    """Figures of a network on data that it was not trained on."""

    loss: float
    accuracy: float


class Calibration(NamedTuple):
    """Numbers fitted on the validation part after the last batch."""

    temperature: float
    """Divisor of the logits."""
    threshold: float
    """Threshold of `is_digit`; the model abstains below it."""


class Task(Protocol):
    """What a network learns."""

    classes: tuple[str, ...]
    """Names of the logits."""
    mean: Tensor
    """Mean of the training pixels, scalar."""
    std: Tensor
    """Standard deviation of the training pixels, scalar."""
    ink: nn.Module | None
    """The ink network that made the training frames, if one did."""
    start: dict[str, Tensor] | None
    """Weights that the architecture starts from, if it does not start at random."""

    @property
    def batches(self) -> Stream:
        """The training batches."""

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        """Mean loss of a batch, scalar."""

    def validate(self, network: nn.Module) -> Validation:
        """Measure the network on the validation part, in evaluation mode and fp32."""

    def calibrate(self, network: nn.Module) -> Calibration:
        """Fit temperature and threshold on the validation part."""


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode and without gradients, for as long as the context lasts."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
