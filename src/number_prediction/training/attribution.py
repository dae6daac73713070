"""Trained network -> integrated gradients of its answers, computed by Captum."""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray

from number_prediction.evaluation.saliency import SaliencyMethod
from number_prediction.runs.run import Run
from number_prediction.training.loop.trained import load_trained

PATH_STEPS = 32
"""Points on the path from blank paper to the frame."""
FRAMES_AT_ONCE = 100
"""Frames explained at once, to limit memory."""


def integrated_gradients(run: Run) -> SaliencyMethod:
    """Integrated gradients of a finished run (Sundararajan, Taly, Yan, 2017), from blank paper.

    Returns:
        A function from frames (N, 28, 28) in [0, 1] and targets (N,) to maps (N, 28, 28). The values of a map
        sum to what the frame's ink adds to the target's logit, within about a hundredth. Paper gets 0.

    Raises:
        TrainingError: the training is not finished, or its checkpoint is missing.
    """
    method = IntegratedGradients(load_trained(run).network)

    def explain(frames: NDArray[np.float32], targets: NDArray[np.intp]) -> NDArray[np.float32]:
        maps = np.empty(frames.shape, np.float32)
        for begin in range(0, len(frames), FRAMES_AT_ONCE):
            some = slice(begin, begin + FRAMES_AT_ONCE)
            inputs = torch.tensor(frames[some], dtype=torch.float32)
            found = method.attribute(
                inputs,
                target=torch.tensor(targets[some]),
                n_steps=PATH_STEPS,
                method="riemann_middle",  # the gradient is piecewise constant along the path
            )
            maps[some] = found.detach().numpy()
        return maps

    return explain
