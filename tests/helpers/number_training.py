"""A small training of a model for numbers, and lines of digits, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from number_prediction.constants import LINE_WIDTH
from number_prediction.datasets.split import Splits
from number_prediction.runs.run import Run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export import numbers as numbers_export
from number_prediction.training.loop import tasks
from number_prediction.training.recipes import get_recipe
from number_prediction.training.synthesis.glyphs import LineRecipe

STEPS = LINE_WIDTH // 2
LINES = LineRecipe(writings=4, signs=12, epoch=64)
RECIPE = replace(
    get_recipe("number"),
    epochs=1.5,
    min_batches=0,
    batch_size=8,
    ema_decay=0.5,
    lines=LINES,
    precision="fp32",
)


@contextmanager
def few_lines() -> Iterator[None]:
    """Validate and compare on few lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "VALIDATION_BATCHES_BY_WIDTH_PX", {96: 1})
        patch.setattr(numbers_export, "PARITY_LINES_PER_WIDTH", 4)
        yield


def start(folder: Path) -> Run:
    return start_run(RECIPE, folder, threads=1)


def write_line(
    mnist: Splits, indices: list[int], *, factor: int, margin: int
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int]]]:
    """Dark digits in a row on white paper, and left, top, right and bottom of each one's ink."""
    places, parts, x = [], [np.zeros((28 * factor, margin), np.uint8)], margin
    for index in indices:
        digit = np.kron(mnist.test.images[index], np.ones((factor, factor), np.uint8))
        rows, columns = np.flatnonzero(digit.max(1) > 99), np.flatnonzero(digit.max(0) > 99)
        places.append((x + columns[0], margin + rows[0], x + columns[-1] + 1, margin + rows[-1] + 1))
        parts.append(digit)
        x += digit.shape[1]
    ink = np.pad(np.concatenate([*parts, parts[0]], 1), ((margin, margin), (0, 0)))
    return 255 - ink, places
