"""The training loop: settings and splits -> weights in the run's checkpoint, and records as it goes.

`fit` is a generator. Whoever drives it shows each record as it likes; the run's log and checkpoint are
written here. Every random number comes from generators whose state is in the checkpoint, so a run that
was killed at any moment and resumed ends with the weights it would have had.

Several processes go through the same loop side by side: each learns from its share of every batch, gradients
and the statistics of batch normalisation are averaged, and all hold the same state. One of them writes.
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

from number_prediction.datasets.split import Splits
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Record, Run, Settings
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.devices import pick_device
from number_prediction.training.loop.distributed import ALONE, ProcessLostError, World
from number_prediction.training.loop.memory import keep_freed_memory
from number_prediction.training.loop.state import TrainingState, initial_state, running_statistics
from number_prediction.training.loop.tasks import Task, make_task
from number_prediction.training.recipes import Recipe

LOG_EVERY = 20
"""Batches between two records."""
SAVE_EVERY = 30.0
"""Seconds between two checkpoints besides those after a validation."""


Target = TypeVar("Target")
"""What the network should say of a batch."""


class DivergedError(TrainingError):
    """The loss is no finite number any more."""


class Interrupted(Exception):  # noqa: N818 it is no error
    """Ctrl-C: the run is saved and can be resumed."""


def fit(run: Run, splits: Splits, world: World = ALONE) -> Iterator[Record]:
    """Train as the run's settings say, from its checkpoint where it has one.

    Args:
        run: a run that was created; its log and checkpoint are written. Only the main process needs it.
        splits: frames (N, 28, 28) uint8; train and validation are used, test is not looked at.
        world: the processes that train together, each of which has to call this.

    Yields:
        The records that go into log.jsonl, every LOG_EVERY batches and after each validation.

    Raises:
        Interrupted: on SIGINT (Ctrl-C), after saving.
        DivergedError: the loss is no number any more.
        TrainingError: the disk is full, or another process has ended; the last checkpoint stays. Or the run
            was begun by another number of processes.
    """
    settings = world.from_main(run.settings)
    if settings.processes != world.size:
        raise TrainingError(
            f"{run.folder}: begun by {settings.processes} processes, not by {world.size}, which would give "
            f"other weights; go on with: {run.how_to_resume(settings.processes)}"
        )
    recipe = Recipe.from_dict(settings.recipe)
    pick_device(settings.device, world.place)
    torch.set_num_threads(settings.threads)
    keep_freed_memory()
    task = make_task(recipe, settings, splits, world)
    state = initial_state(recipe, settings, task)
    try:
        with world.noticing_loss():
            _begin(run, state, world)
            yield from _steps(run, recipe, settings, state, task, world)
    except OSError as error:
        raise TrainingError(
            f"{run.folder}: {error.strerror or error}; the last good checkpoint stays. "
            f"Free space or mend access, then: {run.how_to_resume(world.size)}"
        ) from error
    except ProcessLostError as error:
        raise ProcessLostError(
            f"{error}; the last checkpoint stays. Go on with: {run.how_to_resume(world.size)}"
        ) from error


def _begin(run: Run, state: TrainingState, world: World) -> None:
    """Bring every process to the run's checkpoint, or keep the first one."""
    kept = world.from_main(
        lambda: load_checkpoint(run.checkpoint_path) if run.checkpoint_path.exists() else None
    )
    if kept is not None:
        state.restore(run, *kept)
    else:
        _save(run, state, world)
    if world.is_main:
        run.truncate_log(state.step)
    data_sha256 = world.from_main(lambda: state.batches.data_sha256)
    if state.batches.data_sha256 != data_sha256:
        raise TrainingError(
            f"process {world.rank} has another data set than process 0; copy the same files to each machine"
        )


def _steps(
    run: Run, recipe: Recipe, settings: Settings, state: TrainingState, task: Task, world: World
) -> Iterator[Record]:
    network = world.wrap(state.network)
    validations = min(state.steps, max(recipe.validations, round(recipe.epochs)))
    validate_every = math.ceil(state.steps / validations)
    losses: list[Tensor] = []
    logged_seconds, saved_at = state.seconds, time.monotonic()
    with _ctrl_c_noted() as interrupted:
        while state.step < state.steps:
            started = time.perf_counter()
            rate = learning_rate(recipe, state.step, state.steps)
            losses.append(_train_batch(network, recipe, settings, state, task, world, rate))
            state.step += 1
            ends_training = state.step == state.steps
            is_validated = state.step % validate_every == 0 or ends_training
            is_logged = state.step % LOG_EVERY == 0 or ends_training
            mean_loss = _mean(losses, world) if is_logged else 0.0  # waits for the device
            state.seconds += time.perf_counter() - started

            if is_logged:
                if not math.isfinite(mean_loss):
                    raise DivergedError(
                        f"the loss is no finite number any more after {state.step} batches; "
                        "train with a lower --learning-rate"
                    )
                images = len(losses) * state.batches.batch_size
                yield _log(
                    run,
                    state,
                    world,
                    loss=mean_loss,
                    learning_rate=rate,
                    images_per_second=images / (state.seconds - logged_seconds),
                )
                logged_seconds = state.seconds
                losses.clear()
            if is_validated:
                found = task.validate(state.result)
                yield _log(run, state, world, validation_loss=found.loss, validation_accuracy=found.accuracy)
                if ends_training:
                    state.temperature, state.threshold = task.calibrate(state.result)
            is_stopped = world.any(interrupted.is_set())
            if is_validated or is_stopped or time.monotonic() - saved_at > SAVE_EVERY:
                _save(run, state, world)
                saved_at = time.monotonic()
            if is_stopped:
                raise Interrupted


def _train_batch(
    network: nn.Module,
    recipe: Recipe,
    settings: Settings,
    state: TrainingState,
    task: Task,
    world: World,
    rate: float,
) -> Tensor:
    """The next batch; returns the loss of this process's share, a scalar tensor on the device.

    `network` is that of the state, wrapped so that its gradients are averaged over the processes.
    """
    loss = train_step(
        network,
        state.optimizer,
        state.batches.next(state.step / state.steps),
        task.loss,
        rate=rate,
        largest_gradient=recipe.largest_gradient,
        precision=settings.precision,
    )
    world.average(running_statistics(state.network))
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


def _mean(losses: list[Tensor], world: World) -> float:
    mean = torch.stack(losses).mean()
    world.average([mean])
    return float(mean)


def _log(run: Run, state: TrainingState, world: World, **values: float) -> Record:
    epoch = state.step / len(state.batches)
    record = Record(step=state.step, steps=state.steps, epoch=epoch, seconds=state.seconds, **values)
    if world.is_main:
        run.append(record)
    return record


def _save(run: Run, state: TrainingState, world: World) -> None:
    if world.is_main:
        state.save(run)


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
