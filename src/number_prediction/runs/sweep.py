"""Sweep: which fields of a recipe are varied, how far, and what came of it; text to dimensions and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from number_prediction.errors import TrainingError

Outcome = Literal["finished", "stopped early", "failed"]


@dataclass(frozen=True)
class Dimension:
    """One field of a recipe and the range in which it is varied."""

    field: str
    """Of a part of a recipe as "augmentation.rotation"."""
    low: float
    high: float
    is_log: bool = False
    """Whether equal factors, not equal differences, are equally probable."""

    def __str__(self) -> str:
        return f"{self.field}={self.low:g}:{self.high:g}{':log' * self.is_log}"


@dataclass(frozen=True)
class Trial:
    """One training of a sweep."""

    number: int
    """From 0, in the order in which they were begun."""
    values: Mapping[str, float]
    """Of each field that is varied."""
    outcome: Outcome
    """Failed is what has no finite loss any more."""
    accuracy: float | None
    """On the validation part, in [0, 1], when it ended; None where it failed."""


@dataclass(frozen=True)
class Sweep:
    """All that is known of a sweep."""

    recipe: str
    """Its name."""
    data: str
    """The data set, in words."""
    pictures: int
    """Of its validation part."""
    seed: int
    epochs: float
    dimensions: tuple[Dimension, ...]
    usual: Mapping[str, float]
    """Values of the recipe itself."""
    trials: tuple[Trial, ...]
    """In the order of their numbers."""
    importances: Mapping[str, float]
    """Share of each field in what makes accuracies differ, the largest first; empty where trials are few."""

    @property
    def finished(self) -> tuple[Trial, ...]:
        """Trials that were trained to their end."""
        return tuple(trial for trial in self.trials if trial.outcome == "finished")

    @property
    def best(self) -> Trial | None:
        """The first of the most accurate finished trials."""
        return max(self.finished, key=accuracy_of, default=None)

    @property
    def own(self) -> Trial | None:
        """The finished trial of the recipe as it is."""
        return next((trial for trial in self.finished if trial.values == self.usual), None)


def accuracy_of(trial: Trial) -> float:
    """Its accuracy; -inf where it failed."""
    return -math.inf if trial.accuracy is None else trial.accuracy


def parse_dimension(text: str) -> Dimension:
    """FIELD=LOW:HIGH or FIELD=LOW:HIGH:log -> a dimension; anything else raises TrainingError."""
    field, _, limits = text.partition("=")
    ends = limits.removesuffix(":log").split(":")
    try:
        low, high = map(float, ends)
    except ValueError:
        raise TrainingError(
            f"{text}: not FIELD=LOW:HIGH or FIELD=LOW:HIGH:log, such as momentum=0.8:0.95"
        ) from None
    dimension = Dimension(field, low, high, is_log=limits.endswith(":log"))
    if not (
        math.isfinite(dimension.low) and math.isfinite(dimension.high) and dimension.low < dimension.high
    ):
        raise TrainingError(f"{text}: the second limit must be a number above the first")
    if dimension.is_log and dimension.low <= 0:
        raise TrainingError(f"{text}: a range by factors begins above 0; leave out :log, or raise the limit")
    return dimension


def parse_value(text: str) -> tuple[str, float]:
    """FIELD=VALUE -> both; anything else raises TrainingError."""
    field, _, value = text.partition("=")
    try:
        return field, float(value)
    except ValueError:
        raise TrainingError(f"{text}: not FIELD=VALUE, such as momentum=0.95") from None
