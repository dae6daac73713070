"""Trained network -> integrated gradients of its answers, through Captum."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray

from number_prediction.runs import Run
from number_prediction.saliency import SaliencyMethod
from number_prediction.training.state import load_trained

STEPS = 32
"""Points on the way from blank paper to the frame."""


def integrated_gradients(run: Run) -> SaliencyMethod:
    """Integrated gradients of a finished run (Sundararajan, Taly, Yan, 2017), from blank paper.

    Returns:
        Frames (N, 28, 28) in [0, 1] and targets (N,) -> maps (N, 28, 28) of the target's logit: the values of
        a frame add up to what its ink added to the logit. Paper gets 0.
    """
    method = IntegratedGradients(load_trained(run).network)

    def explain(frames: NDArray[np.float32], targets: NDArray[np.intp]) -> NDArray[np.float32]:
        maps = method.attribute(
            torch.tensor(frames), target=torch.tensor(targets), n_steps=STEPS, internal_batch_size=1000
        )
        return np.asarray(maps.detach().numpy(), dtype=np.float32)

    return explain
