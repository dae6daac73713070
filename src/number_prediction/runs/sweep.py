"""Sweep: the fields of a recipe that vary, their ranges, and the result of each trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from number_prediction.errors import TrainingError

Outcome = Literal["finished", "stopped early", "failed"]


@dataclass(frozen=True)
class Dimension:
    """One field of a recipe and the range in which it varies."""

    field: str
    """Name of the field; a field of a part has a dot: "augmentation.rotation"."""
    low: float
    high: float
    is_log: bool = False
    """Whether values are drawn on a logarithmic scale."""

    def __str__(self) -> str:
        return f"{self.field}={self.low:g}:{self.high:g}{':log' * self.is_log}"


@dataclass(frozen=True)
class Trial:
    """One training of a sweep."""

    number: int
    """From 0, in the order of the starts."""
    values: Mapping[str, float]
    """Name of each varied field -> its value."""
    outcome: Outcome
    """A trial fails if its loss is no longer finite."""
    accuracy: float | None
    """On the validation part, in [0, 1], at the end; None if the trial failed."""


@dataclass(frozen=True)
class Sweep:
    """A sweep and its trials so far."""

    recipe: str
    """Name of the recipe."""
    data: str
    """Name of the data set, for people."""
    pictures: int
    """Number of pictures in the validation part."""
    seed: int
    epochs: float
    dimensions: tuple[Dimension, ...]
    usual: Mapping[str, float]
    """Values of the unchanged recipe."""
    trials: tuple[Trial, ...]
    """In the order of their numbers."""
    importances: Mapping[str, float]
    """Share of each field in the variance of the accuracy, largest first; empty after few trials."""

    @property
    def finished(self) -> tuple[Trial, ...]:
        """Trials that finished their training."""
        return tuple(trial for trial in self.trials if trial.outcome == "finished")

    @property
    def best(self) -> Trial | None:
        """The first of the most accurate finished trials."""
        return max(self.finished, key=accuracy_of, default=None)

    @property
    def own(self) -> Trial | None:
        """The finished trial of the unchanged recipe."""
        return next((trial for trial in self.finished if trial.values == self.usual), None)


def accuracy_of(trial: Trial) -> float:
    """Return the accuracy of a trial; -inf if it failed."""
    return -math.inf if trial.accuracy is None else trial.accuracy


def parse_dimension(text: str) -> Dimension:
    """Parse FIELD=LOW:HIGH or FIELD=LOW:HIGH:log; raises TrainingError for other text."""
    field, _, limits = text.partition("=")
    ends = limits.removesuffix(":log").split(":")
    try:
        low, high = map(float, ends)
    except ValueError:
        raise TrainingError(
            f"{text}: not a range; write FIELD=LOW:HIGH or FIELD=LOW:HIGH:log, such as momentum=0.8:0.95"
        ) from None
    dimension = Dimension(field, low, high, is_log=limits.endswith(":log"))
    if not (
        math.isfinite(dimension.low) and math.isfinite(dimension.high) and dimension.low < dimension.high
    ):
        raise TrainingError(f"{text}: the range is empty; give a second limit above the first")
    if dimension.is_log and dimension.low <= 0:
        raise TrainingError(
            f"{text}: a logarithmic range must begin above 0; raise the first limit or leave out :log"
        )
    return dimension


def parse_value(text: str) -> tuple[str, float]:
    """Parse FIELD=VALUE; raises TrainingError for other text."""
    field, _, value = text.partition("=")
    try:
        return field, float(value)
    except ValueError:
        raise TrainingError(f"{text}: not a value; write FIELD=VALUE, such as momentum=0.95") from None
