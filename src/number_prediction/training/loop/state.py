"""The state of a training: its beginning and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Run, Settings
from number_prediction.training.graph.ink_frames import InkedNetwork
from number_prediction.training.loop.batches import Stream
from number_prediction.training.loop.checkpoint import save_checkpoint
from number_prediction.training.loop.muon import Muon
from number_prediction.training.loop.task import Task
from number_prediction.training.loop.trained import build_network, tensors_under
from number_prediction.training.networks.lines import last_matrices
from number_prediction.training.recipes import Recipe


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
        self.network.load_state_dict(tensors_under("network", tensors))
        if self.average is not None:
            self.average.load_state_dict(tensors_under("average", tensors))
        for index, parameter in enumerate(_parameters(self.optimizer)):
            for name, value in tensors_under(f"optimizer.{index}", tensors).items():
                like_parameter = value.shape == parameter.shape  # then keep memory format and device too
                self.optimizer.state[parameter][name] = (
                    torch.empty_like(parameter).copy_(value) if like_parameter else value
                )
        self.batches.restore(tensors_under("batches", tensors))
        torch.set_rng_state(tensors["random.cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(list(tensors_under("random.cuda", tensors).values()))
        self.step, self.seconds = metadata["step"], metadata["seconds"]
        self.temperature, self.threshold = metadata["temperature"], metadata["threshold"]


def initial_state(recipe: Recipe, settings: Settings, task: Task) -> TrainingState:
    """The state before the first batch, decided by the seed."""
    device = torch.device(settings.device)
    torch.manual_seed(settings.seed)
    network = build_network(recipe, len(task.classes), task.mean, task.std)
    if isinstance(network, InkedNetwork) and task.ink is not None:
        network.ink.load_state_dict(task.ink.state_dict())
        if task.start is not None:
            network.architecture.load_state_dict(task.start)
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


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser of all weights of a network."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.ndim > 1]
    vectors = [parameter for parameter in learning if parameter.ndim <= 1]
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
