"""Trained network -> integrated gradients of its answers, through Captum."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray

from number_prediction.evaluation.saliency import SaliencyMethod
from number_prediction.runs.run import Run
from number_prediction.training.loop.state import load_trained

STEPS = 32
"""Points on the way from blank paper to the frame."""
CHUNK_SIZE = 100
"""Frames explained at once, for the memory they take."""


def integrated_gradients(run: Run) -> SaliencyMethod:
    """Integrated gradients of a finished run (Sundararajan, Taly, Yan, 2017), from blank paper.

    Returns:
        Frames (N, 28, 28) in [0, 1] and targets (N,) -> maps (N, 28, 28) of the target's logit: the values of
        a frame add up to what its ink added to the logit, within about a hundredth. Paper gets 0.

    Raises:
        TrainingError: the training is not finished, or its checkpoint is missing.
    """
    method = IntegratedGradients(load_trained(run).network)

    def explain(frames: NDArray[np.float32], targets: NDArray[np.intp]) -> NDArray[np.float32]:
        maps = np.empty(frames.shape, np.float32)
        for begin in range(0, len(frames), CHUNK_SIZE):
            some = slice(begin, begin + CHUNK_SIZE)
            inputs = torch.tensor(frames[some], dtype=torch.float32)
            found = method.attribute(
                inputs,
                target=torch.tensor(targets[some]),
                n_steps=STEPS,
                method="riemann_middle",  # the gradient is piecewise constant along the way
            )
            maps[some] = found.detach().numpy()
        return maps

    return explain
