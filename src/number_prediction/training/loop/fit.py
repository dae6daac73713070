"""The training loop: a run's settings and splits -> weights in its checkpoint, and records along the way.

`fit` is a generator that yields each record and writes the run's log and checkpoint. All random numbers come
from generators whose state is in the checkpoint. So a run that was killed at any moment and resumed ends with
the weights that it would have had.

Several processes can run the same loop side by side. Each learns from its share of every batch. Gradients and
the statistics of batch normalisation are averaged, so all processes hold the same state. One of them writes.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from number_prediction.datasets.split import Splits
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Record, Run, Settings
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.devices import computing_with, pick_device
from number_prediction.training.loop.distributed import ALONE, ProcessLostError, World
from number_prediction.training.loop.state import TrainingState, initial_state, running_statistics
from number_prediction.training.loop.task import Task
from number_prediction.training.loop.tasks import make_task
from number_prediction.training.recipes import Recipe

LOG_EVERY_BATCHES = 20
"""Batches between two records."""
SAVE_EVERY_SECONDS = 30.0
"""Seconds between two checkpoints; each validation saves one too."""


Target = TypeVar("Target")
"""The right answers of a batch."""


class DivergedError(TrainingError):
    """The loss is no longer finite."""


class Interrupted(Exception):  # noqa: N818 not an error
    """Ctrl-C: the run is saved and can be resumed."""


def fit(run: Run, splits: Splits, world: World = ALONE) -> Generator[Record, None, None]:
    """Train as the run's settings say, from its checkpoint if it has one.

    Args:
        run: a run that was started; its log and checkpoint are written by the main process.
        splits: frames (N, 28, 28) uint8; the test part is not used.
        world: the processes that train together; each of them calls this.

    Yields:
        The records of log.jsonl, every LOG_EVERY_BATCHES batches and after each validation.

    Raises:
        Interrupted: on SIGINT (Ctrl-C), after saving. DivergedError: the loss is no longer finite.
        TrainingError: the disk is full or another process has ended; the last checkpoint stays. Or the run
        was
            started with another number of processes.
    """
    settings = world.from_main(run.settings)
    if settings.processes != world.size:
        raise TrainingError(
            f"{run.folder}: started with {settings.processes} processes, not {world.size}, which would give "
            f"other weights; resume it with: {run.how_to_resume(settings.processes)}"
        )
    recipe = Recipe.from_dict(settings.recipe)
    pick_device(settings.device, world.place)
    try:
        with computing_with(settings.threads, settings.device), world.noticing_loss():
            task = make_task(recipe, settings, splits, world)
            state = initial_state(recipe, settings, task)
            _begin(run, state, world)
            yield from _steps(run, recipe, settings, state, task, world)
    except OSError as error:
        raise TrainingError(
            f"{run.folder}: {error.strerror or error}; the last checkpoint stays. "
            f"Free space or fix the access rights, then: {run.how_to_resume(world.size)}"
        ) from error
    except ProcessLostError as error:
        raise ProcessLostError(
            f"{error}; the last checkpoint stays. Resume with: {run.how_to_resume(world.size)}"
        ) from error


def _begin(run: Run, state: TrainingState, world: World) -> None:
    """Bring every process to the run's checkpoint, or save the first one."""
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
            f"process {world.rank} has another data set than process 0; copy the same files to every machine"
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
            is_logged = state.step % LOG_EVERY_BATCHES == 0 or ends_training
            mean_loss = _mean(losses, world) if is_logged else 0.0  # waits for the device
            state.seconds += time.perf_counter() - started

            if is_logged:
                if not math.isfinite(mean_loss):
                    raise DivergedError(
                        f"the loss is no longer finite after {state.step} batches; "
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
            if is_validated or is_stopped or time.monotonic() - saved_at > SAVE_EVERY_SECONDS:
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
    """Train on the next batch; returns the loss of this process's share, a scalar tensor on the device.

    `network` is the state's network, wrapped so that its gradients are averaged over the processes.
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
    """Take one step of the optimiser; returns the loss, a scalar tensor on the device.

    Args:
        network: frames -> logits.
        optimizer: the optimiser of the network's weights.
        batch: frames (B, H, W) float32 in [0, 1], and the right answers.
        loss_of: logits and right answers -> mean loss.
        rate: the learning rate.
        largest_gradient: norm to which the gradient of all weights is clipped; 0 does not clip.
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
    """One-cycle schedule (Smith and Topin, 2018): linear up to the recipe's peak, then linear down to 0."""
    progress = (step + 1) / (steps + 1)
    rise = progress / recipe.warmup if recipe.warmup else 1.0
    return recipe.learning_rate * min(rise, (1 - progress) / (1 - recipe.warmup))


@contextmanager
def _ctrl_c_noted() -> Iterator[threading.Event]:
    """Turn the first SIGINT into an event, so that a step is always completed; a second one stops at once."""
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
