"""Where the time of a training goes, and how near its layers are to what the processor can do.

    python benchmarks/profile_training.py [--recipe cnn] [--batches 60] [--threads 2]

Microseconds an image of cutting a batch out of the data set, augmentation, forward pass, backward pass and
optimiser, each measured around its part of a step; the cost of a step of two images, which is what does not
depend on the batch. Then each layer with weights alone, on made-up values of the shapes and the precision of
the training: what it computes a second, forward, and forward and backward. Then the largest product of
matrices a second, and what of it the training achieves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.loop.memory import keep_freed_memory
from number_prediction.training.loop.state import TrainingState, initial_state
from number_prediction.training.loop.tasks import Task, make_task
from number_prediction.training.recipes import Recipe, get_recipe

WARM = 5
"""Batches that are not counted."""
SIDE = 2048
"""Of the matrices whose product is timed."""


class Layer(NamedTuple):
    """A layer with weights, as a batch goes through it."""

    module: nn.Module
    shape: torch.Size
    """Of its input."""
    operations: int
    """Floating point operations of the forward pass; the backward pass has twice as many."""
    is_first: bool
    """Its input needs no gradient."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    recipe, splits = get_recipe(options.recipe), load_mnist()
    state, task, precision = prepare(recipe, splits, options.threads)
    parts = time_parts(state, task, precision, options.batches)
    images = state.batches.batch_size
    whole = sum(parts.values())
    print(f"{recipe.name}, batches of {images}, {precision}, {options.threads} threads")
    print(f"{1 / whole:,.0f} images a second")
    for name, seconds in parts.items():
        print(f"{name:12} {1e6 * seconds:8.2f} microseconds an image {100 * seconds / whole:5.1f}%")
    small, small_task, _ = prepare(replace(recipe, batch_size=2), splits, options.threads)
    fixed = 2 * sum(time_parts(small, small_task, precision, options.batches).values())
    print(f"a step of two images: {1e3 * fixed:.2f} ms, of {images}: {1e3 * images * whole:.2f} ms")
    layers = list(find_layers(state))
    alone = 0.0
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    print("layer alone                         input                 forward      both, GFLOP/s")
    for layer in layers:
        forward, both = time_layer(layer, dtype)
        alone += both
        passes = 2 if layer.is_first else 3
        print(
            f"{describe(layer.module):35} {'x'.join(map(str, layer.shape)):18} "
            f"{layer.operations / forward / 1e9:10.0f} {passes * layer.operations / both / 1e9:10.0f}"
        )
    needed = sum((2 if layer.is_first else 3) * layer.operations for layer in layers)
    print(f"all layers alone: {1e6 * alone / images:.2f} microseconds an image")
    matrix = torch.randn(SIDE, SIDE).to(dtype)
    largest = 2 * SIDE**3 / best(lambda: matrix @ matrix) / 1e9
    achieved = needed / (images * whole) / 1e9
    print(f"achieved {achieved:.0f} GFLOP/s; product of {SIDE}x{SIDE} matrices {largest:.0f} GFLOP/s")


def prepare(recipe: Recipe, splits: Splits, threads: int) -> tuple[TrainingState, Task, str]:
    with tempfile.TemporaryDirectory() as folder:
        settings = start_run(recipe, Path(folder), threads=threads).settings()
    task = make_task(recipe, settings, splits)
    return initial_state(recipe, settings, task), task, settings.precision


def time_parts(state: TrainingState, task: Task, precision: str, batches: int) -> dict[str, float]:
    """Seconds an image of each part of a step."""
    augmenting: list[float] = []
    augment = state.batches.augmentation

    def timed(*arguments: object) -> Tensor:
        begun = time.perf_counter()
        frames = augment(*arguments)
        augmenting.append(time.perf_counter() - begun)
        return frames

    state.batches.augmentation = timed
    moments = []
    for _ in range(WARM + batches):
        begun = time.perf_counter()
        frames, labels = state.batches.next()
        cut = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = task.loss(state.network(frames), labels)
        forward = time.perf_counter()
        state.optimizer.zero_grad()
        loss.backward()
        backward = time.perf_counter()
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.network)
        moments.append((begun, cut, forward, backward, time.perf_counter()))
    state.batches.augmentation = augment
    counted = torch.tensor(moments[WARM:], dtype=torch.float64).diff(dim=1).mean(0) / len(frames)
    cutting, forward, backward, optimizer = counted.tolist()
    augmentation = sum(augmenting[WARM:]) / batches / len(frames)
    return {
        "pictures": cutting - augmentation,
        "augmentation": augmentation,
        "forward": forward,
        "backward": backward,
        "optimiser": optimizer,
    }


def find_layers(state: TrainingState) -> Iterator[Layer]:
    """Layers with weights, in the order in which a batch goes through them."""
    seen: list[Layer] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weights = module.weight.numel() // len(module.weight)
        seen.append(Layer(module, inputs[0].shape, 2 * output.numel() * weights, not seen))

    kinds = (nn.Conv2d, nn.Linear)
    modules = [each for each in state.network.modules() if isinstance(each, kinds)]
    hooks = [each.register_forward_hook(note) for each in modules]
    state.network(state.batches.next()[0])
    for hook in hooks:
        hook.remove()
    return iter(seen)


def time_layer(layer: Layer, dtype: torch.dtype) -> tuple[float, float]:
    """Seconds of the forward pass, and of forward and backward pass, for a batch."""
    module = layer.module.to(dtype)
    values = torch.randn(layer.shape).to(dtype)
    if values.ndim == 4:
        values = values.to(memory_format=torch.channels_last)
    values.requires_grad_(not layer.is_first)
    with torch.no_grad():
        gradient = torch.ones_like(module(values))
        forward = best(lambda: module(values))
    return forward, best(lambda: module(values).backward(gradient))


def best(call: Callable[[], object], repetitions: int = 20) -> float:
    """Shortest of several times, in seconds."""
    times = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def describe(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        size = "x".join(map(str, module.kernel_size))
        return f"convolution {size}, {module.in_channels} to {module.out_channels}"
    return f"linear, {module.in_features} to {module.out_features}"


if __name__ == "__main__":
    main()
