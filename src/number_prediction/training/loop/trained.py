"""What a training leaves: a network with its temperature and threshold, read from a run's checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from number_prediction.constants import A_LETTER, NOT_A_DIGIT
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Run, Settings
from number_prediction.training.graph.digit_graph import DigitGraph, PaperReader
from number_prediction.training.graph.ink_frames import LineReader
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.networks.blocks import Normalization
from number_prediction.training.networks.ink import InkNet
from number_prediction.training.recipes import Recipe

CHUNK = 1000
"""Frames that a trained network reads at once."""


@dataclass(frozen=True)
class TrainedNetwork:
    """The network of a finished training."""

    network: nn.Module
    """Frames (N, 28, 28) in [0, 1] -> logits (N, C); on the CPU, in evaluation mode."""
    temperature: float
    """Divisor of the logits."""
    threshold: float
    """Threshold of `is_digit` for abstaining."""
    classes: tuple[str, ...]
    """Names of the logits; the last may be NOT_A_DIGIT or A_LETTER."""
    steps: int
    """Batches of the training."""
    seconds: float
    """Time of the training."""

    @property
    def abstains(self) -> bool:
        """Whether one of the classes is "not a digit"."""
        return self.classes[-1] == NOT_A_DIGIT

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the model can answer."""
        return self.classes[:-1] if self.classes[-1] in (NOT_A_DIGIT, A_LETTER) else self.classes

    @torch.no_grad()
    def probabilities(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities (N, C) of frames (N, 28, 28) uint8."""
        chunks = [frames[begin : begin + CHUNK] for begin in range(0, len(frames), CHUNK)]
        logits = [self.network(torch.tensor(chunk).float() / 255).double() for chunk in chunks]
        return torch.softmax(torch.cat(logits) / self.temperature, dim=1).numpy()

    def graph(self) -> DigitGraph:
        """The digit graph: page -> answer."""
        return DigitGraph(self.network, temperature=self.temperature, abstains=self.abstains).eval()


def load_trained(run: Run) -> TrainedNetwork:
    """The network of a finished training, with averaged weights if the recipe has them."""
    recipe = Recipe.from_dict(run.settings().recipe)
    tensors, metadata = load_checkpoint(run.checkpoint_path)
    if metadata["step"] < metadata["steps"]:
        raise TrainingError(
            f"{run.folder}: not finished ({metadata['step']} of {metadata['steps']} batches); "
            f"resume it first: {run.how_to_resume(run.settings().processes)}"
        )
    classes = tuple(metadata["classes"])
    with torch.random.fork_rng(()):  # the network begins with random weights
        network = build_network(recipe, len(classes), torch.zeros(()), torch.ones(()))
    network.load_state_dict(tensors_under("average.module" if recipe.ema_decay else "network", tensors))
    return TrainedNetwork(
        network=network.eval(),
        classes=classes,
        **{name: metadata[name] for name in ("temperature", "threshold", "steps", "seconds")},
    )


def build_network(recipe: Recipe, class_count: int, mean: Tensor, std: Tensor) -> nn.Module:
    """Frames in [0, 1] -> logits: normalization, then the recipe's architecture.

    Where the recipe reads paper, the ink network that makes its frames stands beside it.
    """
    reader = nn.Sequential(Normalization(mean, std), recipe.architecture(class_count))
    if recipe.paper is not None:
        return PaperReader(InkNet(), reader)
    if recipe.paper_lines is not None:
        return LineReader(InkNet(), reader)
    return reader


def load_ink(settings: Settings) -> nn.Module:
    """The ink network of the run that the settings name: canvases (N, H, W) -> logits (N, 3, H, W).

    Raises:
        TrainingError: the settings name no run, or a run of another recipe.
    """
    part, name = ("line_crops", "line-ink") if settings.reads_numbers else ("crops", "ink")
    if settings.ink is None:
        raise TrainingError(
            f"this recipe needs a trained ink network; run: number-prediction train {name}, then pass its "
            "folder with --ink"
        )
    run = Run(Path(settings.ink))
    if run.settings().recipe.get(part) is None:
        raise TrainingError(
            f"{run.folder}: a run of the recipe {run.settings().recipe['name']}; --ink needs one of {name}"
        )
    network = load_trained(run).network
    assert isinstance(network, nn.Sequential)
    return network[-1]  # it standardizes each canvas itself


def tensors_under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with names that begin with `prefix.`, without the prefix."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
