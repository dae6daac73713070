"""The training loop: settings and splits -> weights in the run's checkpoint, and records as it goes.

`fit` is a generator. Whoever drives it shows each record as it likes; the run's log and checkpoint are
written here. Every random number comes from generators whose state is in the checkpoint, so a run that
was killed at any moment and resumed ends with the weights it would have had.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from number_prediction.runs import Record, Run, Settings
from number_prediction.splits import Split, Splits
from number_prediction.training.architectures import Normalization
from number_prediction.training.batches import Batches
from number_prediction.training.calibration import fit_temperature
from number_prediction.training.checkpoint import load_checkpoint, save_checkpoint
from number_prediction.training.recipes import Recipe
from number_prediction.types import TrainingError

LOG_EVERY = 20
"""Batches between two records."""
SAVE_EVERY = 30.0
"""Seconds between two checkpoints inside an epoch."""
VALIDATION_BATCH = 1000


class Interrupted(Exception):  # noqa: N818 it is no error
    """Ctrl-C: the run is saved and can be resumed."""


@dataclass
class TrainingState:
    """Everything that changes while training."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    """Exponential moving average of weights and batch-norm statistics; None where the recipe has none."""
    batches: Batches
    classes: tuple[str, ...]
    steps: int
    """Batches in the whole training."""
    step: int = 0
    seconds: float = 0.0
    temperature: float = 1.0
    """What the logits are to be divided by; fitted on the validation part after the last batch."""

    @property
    def result(self) -> nn.Module:
        """The network to use: the average where there is one."""
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
            "classes": list(self.classes),
        }
        save_checkpoint(run.checkpoint_path, tensors, metadata)

    def restore(self, run: Run) -> None:
        tensors, metadata = load_checkpoint(run.checkpoint_path)
        self.network.load_state_dict(_under("network", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("average", tensors))
        for index, parameter in enumerate(_parameters(self.optimizer)):
            for name, value in _under(f"optimizer.{index}", tensors).items():
                like_parameter = value.shape == parameter.shape  # then in its memory format and device too
                self.optimizer.state[parameter][name] = (
                    torch.empty_like(parameter).copy_(value) if like_parameter else value
                )
        self.batches.restore(_under("batches", tensors))
        torch.set_rng_state(tensors["random.cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(list(_under("random.cuda", tensors).values()))
        self.step, self.seconds = metadata["step"], metadata["seconds"]
        self.temperature = metadata["temperature"]


def fit(run: Run, splits: Splits) -> Iterator[Record]:
    """Train as the run's settings say, from its checkpoint where it has one.

    Args:
        run: a run that was created; its log and checkpoint are written.
        splits: frames (N, 28, 28) uint8; train and validation are used, test is not looked at.

    Yields:
        The records that go into log.jsonl, every LOG_EVERY batches and after each validation.

    Raises:
        Interrupted: on SIGINT (Ctrl-C), after saving.
        TrainingError: the loss is no number any more, or the disk is full; the last checkpoint stays.
    """
    settings = run.settings()
    recipe = Recipe.from_dict(settings.recipe)
    torch.set_num_threads(settings.threads)
    state = _begin(recipe, settings, splits.train)
    try:
        if run.checkpoint_path.exists():
            state.restore(run)
        else:
            state.save(run)
        run.truncate_log(state.step)
        yield from _steps(run, recipe, settings, state, splits.validation)
    except OSError as error:
        raise TrainingError(
            f"{run.folder}: cannot be written ({error.strerror or error}); the last good checkpoint stays. "
            f"Free space, then: number-prediction train --resume {run.folder}"
        ) from error


def _steps(
    run: Run, recipe: Recipe, settings: Settings, state: TrainingState, validation: Split
) -> Iterator[Record]:
    device = torch.device(settings.device)
    losses: list[Tensor] = []
    logged_seconds, saved_at = state.seconds, time.monotonic()
    with _ctrl_c_noted() as interrupted:
        while state.step < state.steps:
            started = time.perf_counter()
            rate = learning_rate(recipe, state.step, state.steps)
            losses.append(_train_batch(recipe, settings, state, rate))
            state.step += 1
            ends_training = state.step == state.steps
            ends_epoch = state.step % len(state.batches) == 0 or ends_training
            is_logged = state.step % LOG_EVERY == 0 or ends_training
            mean_loss = float(torch.stack(losses).mean()) if is_logged else 0.0  # waits for the device
            state.seconds += time.perf_counter() - started

            if is_logged:
                if not math.isfinite(mean_loss):
                    raise TrainingError(
                        f"the loss is no finite number any more after {state.step} batches; "
                        "train with a lower --learning-rate"
                    )
                images = len(losses) * state.batches.batch_size
                yield _log(
                    run,
                    state,
                    loss=mean_loss,
                    learning_rate=rate,
                    images_per_second=images / (state.seconds - logged_seconds),
                )
                logged_seconds = state.seconds
                losses.clear()
            if ends_epoch:
                logits, labels = compute_logits(state.result, validation, device)
                yield _log(
                    run,
                    state,
                    validation_loss=float(F.cross_entropy(logits, labels)),
                    validation_accuracy=float((logits.argmax(1) == labels).float().mean()),
                )
                if ends_training:
                    state.temperature = fit_temperature(logits, labels)
            if ends_epoch or interrupted.is_set() or time.monotonic() - saved_at > SAVE_EVERY:
                state.save(run)
                saved_at = time.monotonic()
            if interrupted.is_set():
                raise Interrupted


def _train_batch(recipe: Recipe, settings: Settings, state: TrainingState, rate: float) -> Tensor:
    """One step of the optimiser; returns the loss, a scalar tensor on the device."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    frames, labels = state.batches.next()
    with torch.autocast(settings.device, torch.bfloat16, enabled=settings.precision == "bf16"):
        logits = state.network(frames)
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    if state.average is not None:
        state.average.update_parameters(state.network)
    return loss.detach()


def _log(run: Run, state: TrainingState, **values: float) -> Record:
    epoch = state.step / len(state.batches)
    record = Record(step=state.step, steps=state.steps, epoch=epoch, seconds=state.seconds, **values)
    run.append(record)
    return record


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """One cycle (Smith and Topin, 2018): linear up to the recipe's peak, then linear down to 0."""
    progress = (step + 1) / (steps + 1)
    rise = progress / recipe.warmup if recipe.warmup else 1.0
    return recipe.learning_rate * min(rise, (1 - progress) / (1 - recipe.warmup))


@torch.no_grad()
def compute_logits(network: nn.Module, split: Split, device: torch.device) -> tuple[Tensor, Tensor]:
    """Logits (N, C) float32 and labels (N,) int64 of a split of frames, in evaluation mode and fp32."""
    was_training = network.training
    network.eval()
    logits = [
        network(torch.tensor(split.images[begin : begin + VALIDATION_BATCH], device=device).float() / 255)
        for begin in range(0, len(split), VALIDATION_BATCH)
    ]
    network.train(was_training)
    return torch.cat(logits), torch.tensor(split.labels, dtype=torch.int64, device=device)


def build_network(recipe: Recipe, class_count: int, mean: Tensor, deviation: Tensor) -> nn.Module:
    """Frames (N, 28, 28) in [0, 1] -> logits (N, C): normalization, then the recipe's architecture."""
    return nn.Sequential(Normalization(mean, deviation), recipe.architecture(class_count))


@dataclass(frozen=True)
class TrainedNetwork:
    """What training leaves."""

    network: nn.Module
    """Frames (N, 28, 28) in [0, 1] -> logits (N, C); on the CPU, in evaluation mode."""
    temperature: float
    classes: tuple[str, ...]
    steps: int
    seconds: float


def load_trained(run: Run) -> TrainedNetwork:
    """The network of a finished training; its weights are the average where the recipe keeps one."""
    recipe = Recipe.from_dict(run.settings().recipe)
    tensors, metadata = load_checkpoint(run.checkpoint_path)
    if metadata["step"] < metadata["steps"]:
        raise TrainingError(
            f"{run.folder}: trained for {metadata['step']} of {metadata['steps']} batches only; "
            f"first: number-prediction train --resume {run.folder}"
        )
    classes = tuple(metadata["classes"])
    network = build_network(recipe, len(classes), torch.zeros(()), torch.ones(()))
    network.load_state_dict(_under("average.module" if recipe.ema_decay else "network", tensors))
    return TrainedNetwork(
        network.eval(), metadata["temperature"], classes, metadata["steps"], metadata["seconds"]
    )


def _begin(recipe: Recipe, settings: Settings, train: Split) -> TrainingState:
    device = torch.device(settings.device)
    torch.manual_seed(settings.seed)
    pixels = torch.tensor(train.images).to(torch.float32) / 255
    network = build_network(recipe, len(train.classes), pixels.mean(), pixels.std())
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
    batches = Batches(
        train,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation,
        seed=settings.seed,
        device=device,
    )
    return TrainingState(
        network.train(),
        _optimizer(recipe, network),
        average,
        batches,
        classes=train.classes,
        steps=max(1, round(recipe.epochs * len(batches))),
    )


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


@contextmanager
def _ctrl_c_noted() -> Iterator[threading.Event]:
    """Turn the first SIGINT into an event, so that a step is never cut in two; a second one stops at once."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted  # only the main thread may handle signals
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(_number: int, _stack: object) -> None:
        noted.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, previous)
