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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from number_prediction.runs import Record, Run, Settings
from number_prediction.splits import Splits
from number_prediction.training.devices import pick_device
from number_prediction.training.recipes import Recipe
from number_prediction.training.state import TrainingState, initial_state
from number_prediction.training.tasks import Task, make_task
from number_prediction.types import TrainingError

LOG_EVERY = 20
"""Batches between two records."""
SAVE_EVERY = 30.0
"""Seconds between two checkpoints besides those after a validation."""
VALIDATIONS = 8
"""Validations in a training, evenly spread; more where it has more epochs."""


Target = TypeVar("Target")
"""What the network should say of a batch."""


class Interrupted(Exception):  # noqa: N818 it is no error
    """Ctrl-C: the run is saved and can be resumed."""


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
    pick_device(settings.device)
    torch.set_num_threads(settings.threads)
    task = make_task(recipe, settings, splits)
    state = initial_state(recipe, settings, task)
    try:
        if run.checkpoint_path.exists():
            state.restore(run)
        else:
            state.save(run)
        run.truncate_log(state.step)
        yield from _steps(run, recipe, settings, state, task)
    except OSError as error:
        raise TrainingError(
            f"{run.folder}: {error.strerror or error}; the last good checkpoint stays. "
            f"Free space or mend access, then: number-prediction train --resume {run.folder}"
        ) from error


def _steps(
    run: Run, recipe: Recipe, settings: Settings, state: TrainingState, task: Task
) -> Iterator[Record]:
    validations = min(state.steps, max(VALIDATIONS, round(recipe.epochs)))
    validate_every = math.ceil(state.steps / validations)
    losses: list[Tensor] = []
    logged_seconds, saved_at = state.seconds, time.monotonic()
    with _ctrl_c_noted() as interrupted:
        while state.step < state.steps:
            started = time.perf_counter()
            rate = learning_rate(recipe, state.step, state.steps)
            losses.append(_train_batch(recipe, settings, state, task, rate))
            state.step += 1
            ends_training = state.step == state.steps
            is_validated = state.step % validate_every == 0 or ends_training
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
            if is_validated:
                found = task.validate(state.result)
                yield _log(run, state, validation_loss=found.loss, validation_accuracy=found.accuracy)
                if ends_training:
                    state.temperature, state.threshold = task.calibrate(state.result)
            if is_validated or interrupted.is_set() or time.monotonic() - saved_at > SAVE_EVERY:
                state.save(run)
                saved_at = time.monotonic()
            if interrupted.is_set():
                raise Interrupted


def _train_batch(recipe: Recipe, settings: Settings, state: TrainingState, task: Task, rate: float) -> Tensor:
    """The next batch; returns the loss, a scalar tensor on the device."""
    loss = train_step(
        state.network,
        state.optimizer,
        state.batches.next(),
        task.loss,
        rate=rate,
        largest_gradient=recipe.largest_gradient,
        precision=settings.precision,
    )
    if state.average is not None:
        state.average.update_parameters(state.network)
    return loss


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: tuple[Tensor, Target],
    loss_of: Callable[[Tensor, Target], Tensor],
    *,
    rate: float,
    largest_gradient: float,
    precision: str,
) -> Tensor:
    """One step of the optimiser; returns the loss, a scalar tensor on the device.

    Args:
        network: frames -> logits, in training.
        optimizer: of its weights.
        batch: frames (B, H, W) float32 in [0, 1], and what the network should say of them.
        loss_of: mean loss of logits, by what should be said.
        rate: the learning rate.
        largest_gradient: norm to which the gradient of all weights is cut; 0 leaves it.
        precision: "bf16" or "fp32".
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    frames, targets = batch
    with torch.autocast(frames.device.type, torch.bfloat16, enabled=precision == "bf16"):
        loss = loss_of(network(frames), targets)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if largest_gradient:
        nn.utils.clip_grad_norm_(network.parameters(), largest_gradient)
    optimizer.step()
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
