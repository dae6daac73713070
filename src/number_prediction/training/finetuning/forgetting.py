"""The forgetting check: shares of right answers of a network before and after it was adapted.

In: frames by name, see `Measured`. An answer is right if it gives a digit its label, or refuses a non-digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.constants import NOT_A_DIGIT
from number_prediction.datasets.split import Split
from number_prediction.training.finetuning.pictures import MIN_PICTURES_TO_HOLD_OUT
from number_prediction.training.loop.trained import TrainedNetwork

OWN, HELD_OUT = "your pictures, trained on", "your pictures, held out"
MNIST, REPLAY = "MNIST, validation part", "replay set"
REPLAYED_DIGITS, REPLAYED_NONDIGITS = "replay set, digits read", "replay set, non-digits refused"
CHECKED_FIGURES = (MNIST, REPLAY)
"""Figures that must not fall."""
MIN_OWN_SHARE = 0.9
"""With fewer right answers on the pictures trained on, their labels are in doubt."""
_CHUNK = 250

Measured: TypeAlias = Mapping[str, Split]
"""Name of a figure -> frames (N, 28, 28) uint8, with labels by the network's classes."""


class Answer(NamedTuple):
    """A network's answers to N frames."""

    labels: NDArray[np.int64]
    """(N,) the most probable class other than "not a digit"."""
    is_digit: NDArray[np.float32]
    """(N,) in [0, 1]."""


Answers: TypeAlias = Mapping[str, Answer]
"""Name of a figure -> the answers to its frames."""


@dataclass(frozen=True)
class Figure:
    """Shares of right answers, in [0, 1]."""

    name: str
    pictures: int
    before: float
    after: float

    @property
    def fall(self) -> float:
        """How much the share fell; negative if it rose."""
        return self.before - self.after


def answer(trained: TrainedNetwork, measured: Measured) -> dict[str, Answer]:
    """A network's answers to all frames."""
    return {name: _answer(trained, split) for name, split in measured.items()}


def compare(
    measured: Measured, before: Answers, after: Answers, *, thresholds: tuple[float, float]
) -> tuple[Figure, ...]:
    """Figures of the answers before and after, with the `is_digit` thresholds of both networks.

    A replay set with non-digits gets two more figures, one for its digits and one for its non-digits.
    """
    figures = []
    for name, split in measured.items():
        right = [
            _is_right(answers[name], split, threshold)
            for answers, threshold in zip((before, after), thresholds, strict=True)
        ]
        parts = {name: np.full(len(split), fill_value=True)}
        if name == REPLAY and has_nondigits(split):
            digits = is_digit_by_label(split)
            parts |= {REPLAYED_DIGITS: digits, REPLAYED_NONDIGITS: ~digits}
        for part, rows in parts.items():
            shares = (float(each[rows].mean()) for each in right)
            figures.append(Figure(part, int(rows.sum()), *shares))
    return tuple(figures)


def find_forgotten(figures: Sequence[Figure], *, tolerance: float) -> list[Figure]:
    """The checked figures that fell by more than `tolerance`."""
    return [figure for figure in figures if figure.name in CHECKED_FIGURES and figure.fall > tolerance + 1e-9]


def find_reasons(figures: Sequence[Figure], *, tolerance: float) -> list[str]:
    """Why the old model is better, as sentences: the new one forgot something, or learned nothing."""
    reasons = [
        f"{figure.name}: fell by {100 * figure.fall:.2f} points, but at most {100 * tolerance:.1f} are "
        "allowed; look for wrong labels, or give more pictures"
        for figure in find_forgotten(figures, tolerance=tolerance)
    ]
    own = [figure for figure in figures if figure.name in (OWN, HELD_OUT)]
    pictures = sum(figure.pictures for figure in own)
    before = round(sum(figure.before * figure.pictures for figure in own))
    after = round(sum(figure.after * figure.pictures for figure in own))
    if after <= before:
        reasons.append(
            f"the new model reads {after:,} of your {pictures:,} pictures, the old one {before:,}; look for "
            "wrong labels"
        )
    return reasons


def find_doubts(figures: Sequence[Figure]) -> list[str]:
    """What the figures of the new pictures leave open, as sentences."""
    by_name = {figure.name: figure for figure in figures}
    own, held_out = by_name[OWN], by_name.get(HELD_OUT)
    doubts = []
    if own.after < MIN_OWN_SHARE:
        doubts.append(
            f"{100 * (1 - own.after):.0f}% of the pictures that were trained on are still read wrong; check "
            "their labels"
        )
    if held_out is None:
        doubts.append(
            "no picture was held out, so no figure says how well others of the kind are read; give at least "
            f"{MIN_PICTURES_TO_HOLD_OUT} pictures to hold some out"
        )
    elif held_out.after <= held_out.before:
        doubts.append("the held-out pictures are read no better than before")
    return doubts


def has_nondigits(split: Split) -> bool:
    """Whether "not a digit" is a class of the split, the last one."""
    return split.classes[-1] == NOT_A_DIGIT


def is_digit_by_label(split: Split) -> NDArray[np.bool_]:
    """(N,) whether each picture is of a class other than "not a digit"."""
    return np.asarray(split.labels < len(split.classes) - has_nondigits(split))


@torch.no_grad()
def _answer(trained: TrainedNetwork, split: Split) -> Answer:
    graph = trained.graph()
    frames = np.asarray(split.images)
    answers = [
        graph.classify(torch.tensor(frames[begin : begin + _CHUNK]).to(torch.float32) / 255)
        for begin in range(0, len(frames), _CHUNK)
    ]
    probabilities, is_digit = (torch.cat(parts) for parts in zip(*answers, strict=True))
    return Answer(probabilities.argmax(1).numpy(), is_digit.numpy())


def _is_right(answer: Answer, split: Split, threshold: float) -> NDArray[np.bool_]:
    kept = answer.is_digit >= threshold
    return np.where(is_digit_by_label(split), kept & (answer.labels == split.labels), ~kept)
