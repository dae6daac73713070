"""Two numbers fitted after training: a temperature for confidence, and a threshold for abstaining."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.training.loop.ctc import ctc_loss
from number_prediction.training.synthesis.lines import Texts

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.2, 5.0
"""Limits of the temperature; if all answers are right, the best one would be 0."""
TERNARY_ROUNDS = 18
"""Rounds of the search for a temperature, enough for three digits."""
KEPT_DIGITS_SHARE = 0.99
"""Share of the digits that the threshold keeps."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature that minimises the cross-entropy of logits / temperature (Guo et al., 2017).

    Args:
        logits: (N, C) float32 of data that was not trained on.
        labels: (N,) int64.

    Returns:
        A number between MIN_TEMPERATURE and MAX_TEMPERATURE.
    """
    logits, labels = logits.cpu().double(), labels.cpu()
    inverse = torch.ones((), dtype=torch.float64, requires_grad=True)  # the loss is convex in 1 / temperature
    optimizer = torch.optim.LBFGS([inverse], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(logits * inverse, labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    temperature = 1 / max(float(inverse.detach()), 1e-6)
    return min(max(temperature, MIN_TEMPERATURE), MAX_TEMPERATURE)


def fit_line_temperature(answers: Sequence[tuple[Tensor, Texts]]) -> float:
    """`fit_temperature` for lines: each batch is logits (N, T, C) and texts that were not trained on."""

    def loss(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        return sum(float(ctc_loss(logits / temperature, texts)) for logits, texts in answers)

    low, high = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    for _ in range(TERNARY_ROUNDS):  # the loss has one minimum
        first, second = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, second) if loss(first) < loss(second) else (first, high)
    return math.exp((low + high) / 2)


def choose_threshold(is_digit: Tensor, *, kept: float = KEPT_DIGITS_SHARE) -> float:
    """The largest threshold of `is_digit` that keeps a share of the digits, at most DEFAULT_THRESHOLD.

    Args:
        is_digit: (N,) float32 in [0, 1], of pictures of digits that were not trained on.
        kept: share of the digits to keep, in [0, 1].
    """
    return min(float(is_digit.quantile(1 - kept, interpolation="lower")), DEFAULT_THRESHOLD)


def choose_common_threshold(sources: Sequence[Tensor], *, kept: float = KEPT_DIGITS_SHARE) -> float:
    """The largest threshold that keeps a share of the digits, at most DEFAULT_THRESHOLD; a mean over sources.

    Args:
        sources: `is_digit` (N,) float32 of the digits of each source that was not trained on.
        kept: mean share of the digits to keep, in [0, 1].
    """
    values, order = torch.cat(list(sources)).sort()
    weights = torch.cat([torch.full((len(each),), 1 / (len(each) * len(sources))) for each in sources])
    refused = int((weights[order].cumsum(0) <= 1 - kept).sum())
    return min(float(values[min(refused, len(values) - 1)]), DEFAULT_THRESHOLD)
