"""The state of a training: its beginning, its checkpoints, and the trained network that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from number_prediction.constants import A_LETTER, NOT_A_DIGIT
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Run, Settings
from number_prediction.training.graph.digit_graph import DigitGraph
from number_prediction.training.loop.batches import Stream
from number_prediction.training.loop.checkpoint import load_checkpoint, save_checkpoint
from number_prediction.training.loop.muon import Muon
from number_prediction.training.loop.tasks import Task
from number_prediction.training.networks.blocks import Normalization
from number_prediction.training.networks.lines import last_matrices
from number_prediction.training.recipes import Recipe

CHUNK = 1000
"""Frames that a trained network reads at once."""


@dataclass
class TrainingState:
    """Everything that changes while training."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    """Exponential moving average of weights and batch-norm statistics; None if the recipe has none."""
    batches: Stream
    classes: tuple[str, ...]
    steps: int
    """Batches in the whole training."""
    step: int = 0
    seconds: float = 0.0
    temperature: float = 1.0
    """Divisor of the logits, fitted on the validation part after the last batch."""
    threshold: float = DEFAULT_THRESHOLD
    """Threshold of `is_digit` for abstaining, chosen on the validation part after the last batch."""

    @property
    def result(self) -> nn.Module:
        """The network to use: the average if there is one."""
        return self.network if self.average is None else self.average.module

    def save(self, run: Run) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, parameter in enumerate(_parameters(self.optimizer)):
            for name, value in self.optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value
        tensors |= {f"batches.{name}": value for name, value in self.batches.state().items()}
        tensors["random.cpu"] = torch.get_rng_state()
        for index, value in enumerate(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []):
            tensors[f"random.cuda.{index}"] = value
        metadata = {
            "step": self.step,
            "steps": self.steps,
            "seconds": self.seconds,
            "temperature": self.temperature,
            "threshold": self.threshold,
            "classes": list(self.classes),
            "data_sha256": self.batches.data_sha256,
        }
        save_checkpoint(run.checkpoint_path, tensors, metadata)

    def restore(self, run: Run, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        """Continue from the run's checkpoint, given its tensors and metadata."""
        if metadata["data_sha256"] != self.batches.data_sha256 or tuple(metadata["classes"]) != self.classes:
            raise TrainingError(
                f"{run.folder}: the data set has changed since the run was started; "
                "restore it, or start a new run"
            )
        self.network.load_state_dict(_under("network", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("average", tensors))
        for index, parameter in enumerate(_parameters(self.optimizer)):
            for name, value in _under(f"optimizer.{index}", tensors).items():
                like_parameter = value.shape == parameter.shape  # then keep memory format and device too
                self.optimizer.state[parameter][name] = (
                    torch.empty_like(parameter).copy_(value) if like_parameter else value
                )
        self.batches.restore(_under("batches", tensors))
        torch.set_rng_state(tensors["random.cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(list(_under("random.cuda", tensors).values()))
        self.step, self.seconds = metadata["step"], metadata["seconds"]
        self.temperature, self.threshold = metadata["temperature"], metadata["threshold"]


def initial_state(recipe: Recipe, settings: Settings, task: Task) -> TrainingState:
    """The state before the first batch, decided by the seed."""
    device = torch.device(settings.device)
    torch.manual_seed(settings.seed)
    network = build_network(recipe, len(task.classes), task.mean, task.std)
    network = network.to(device)
    if device.type != "mps":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = None
    if recipe.ema_decay:
        average = AveragedModel(
            network,
            multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
    return TrainingState(
        network.train(),
        make_optimizer(recipe, network),
        average,
        task.batches,
        classes=task.classes,
        steps=max(1, round(recipe.epochs * len(task.batches)), recipe.min_batches),
    )


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
    network.load_state_dict(_under("average.module" if recipe.ema_decay else "network", tensors))
    return TrainedNetwork(
        network=network.eval(),
        classes=classes,
        **{name: metadata[name] for name in ("temperature", "threshold", "steps", "seconds")},
    )


def build_network(recipe: Recipe, class_count: int, mean: Tensor, std: Tensor) -> nn.Module:
    """The normalization and the recipe's architecture: frames in [0, 1] -> logits."""
    return nn.Sequential(Normalization(mean, std), recipe.architecture(class_count))


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser of all weights of a network."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    if recipe.optimizer == "muon":
        last = {id(matrix) for matrix in last_matrices(network)}
        inner = [matrix for matrix in matrices if id(matrix) not in last]
        outer = [matrix for matrix in matrices if id(matrix) in last]
        kinds: list[dict[str, Any]] = [
            {"params": inner, "weight_decay": recipe.weight_decay},
            {"params": outer, "weight_decay": recipe.weight_decay, "orthogonal": False},
            {"params": vectors, "orthogonal": False},
        ]
        return Muon(kinds, lr=recipe.learning_rate, momentum=recipe.momentum)
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    fused = matrices[0].device.type != "mps"  # one call for all weights, because many are small
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, fused=fused)
    return torch.optim.SGD(
        groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True, fused=fused
    )


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Means and variances of all batch normalisations, to be changed in place."""
    return [
        value for name, value in network.named_buffers() if name.rpartition(".")[2].startswith("running_")
    ]


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with names that begin with `prefix.`, without the prefix."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
