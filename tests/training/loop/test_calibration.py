"""Thresholds of `is_digit`: sources count alike, however many digits they have."""

from __future__ import annotations

import pytest
import torch

from number_prediction.training.loop.calibration import choose_common_threshold


def test_each_source_counts_alike() -> None:
    easy, hard = torch.full((10_000,), 0.9), torch.linspace(0, 0.45, 101)
    threshold = choose_common_threshold([easy, hard], kept=0.9)
    kept = [float((each >= threshold).float().mean()) for each in (easy, hard)]
    assert sum(kept) / 2 == pytest.approx(0.9, abs=0.01)


def test_it_is_never_above_the_default() -> None:
    assert choose_common_threshold([torch.full((50,), 0.99)]) == 0.5
