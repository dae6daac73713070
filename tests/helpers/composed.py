"""Lattices of numbers that are composed of MNIST test digits, as the model in the package answers each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor

BETWEEN = 0.98
"""Probability of the blank between digits."""


@dataclass(frozen=True, eq=False)
class Handwriting:
    """Answers to handwritten digits, (10,) each."""

    clear: tuple[NDArray[np.float32], ...]
    """By digit, the surest that is right."""
    misread: tuple[tuple[int, int, NDArray[np.float32]], ...]
    """What was written, what was read, and the answer, whose second choice is what was written."""


def read_digits(predictor: Predictor, split: Split, count: int) -> Handwriting:
    """The handwriting of the first `count` digits of a split."""
    answers = predictor.run(split.images[:count]).probabilities
    labels = split.labels[:count]
    clear = [answers[labels == digit][answers[labels == digit, digit].argmax()] for digit in range(10)]
    misread = [
        (int(label), int(ranking[-1]), answer)
        for label, answer, ranking in zip(labels, answers, answers.argsort(1), strict=True)
        if ranking[-2] == label
    ]
    misread.sort(key=lambda case: -float(case[2][case[0]]))
    return Handwriting(tuple(clear), tuple(misread))


def compose(answers: list[NDArray[np.float32]], weights: list[float] | None = None) -> NDArray[np.float32]:
    """The lattice (2 N + 1, G) of N digits with a blank step before, between and after.

    Args:
        answers: (10,) each, or (G,) of all glyphs.
        weights: for each digit, what its time step does not give to the blank; 0.98 by default.
    """
    steps = np.full((2 * len(answers) + 1, len(GLYPHS)), (1 - BETWEEN) / (len(GLYPHS) - 1))
    steps[0::2, 0] = BETWEEN
    for index, answer in enumerate(answers):
        weight = weights[index] if weights else BETWEEN
        step = np.full(len(GLYPHS), 1e-5)
        step[1 : 1 + len(answer)] += weight * answer
        step[0] = 1 - weight
        steps[2 * index + 1] = step / step.sum()
    return steps.astype(np.float32)


def peaks(text: str, likeness: dict[int, tuple[str, float]] | None = None) -> NDArray[np.float32]:
    """The lattice of a text that is read well, but for the glyphs at some places, which look like others.

    Args:
        text: of glyphs.
        likeness: by place, another glyph and its probability there.
    """
    answers = []
    for place, glyph in enumerate(text):
        answer = np.zeros(len(GLYPHS) - 1, np.float32)
        other, share = (likeness or {}).get(place, (glyph, 0.0))
        answer[GLYPHS.index(glyph) - 1] += 1 - share
        answer[GLYPHS.index(other) - 1] += share
        answers.append(answer)
    return compose(answers)
