"""The replay set, which an adapted model must not forget: MNIST and generated companions, as frames.

Out: frames to train on beside new pictures (rehearsal; Robins, "Catastrophic forgetting, rehearsal and
pseudorehearsal", 1995), others for choosing weights, and others again for the forgetting check.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Split, divide
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.synthesis.companions import Companions, add_companions

TRAINED_SEED, CHOSEN_SEED, CHECKED_SEED = 2_000_000, 3_000_000, 4_000_000
"""Added to the seed, so that no companion is one that a recipe was trained or validated with."""
CHOSEN_SHARE = 0.4
"""Share of MNIST's validation part for choosing; the rest is for the forgetting check."""
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class Known:
    """Frames that a model knows how to read: of the ten digits and, if it abstains, of NOT_A_DIGIT."""

    mnist: Split
    """Frames of MNIST."""
    accompanied: Split
    """The same frames and companions."""
    rewritten: Split
    """All of these, each changed by `Rewriting`."""


@dataclass(frozen=True, eq=False)
class Replay:
    """Three sets without a picture in common."""

    trained: Split
    """From MNIST's training part, with companions."""
    chosen_by: Known
    """From MNIST's validation part, for choosing share, temperature and threshold."""
    checked: Known
    """The rest of that part, only for the forgetting check."""


def draw_replay(count: int, *, abstains: bool, seed: int) -> Replay:
    """Draw `count` pictures each of MNIST's training and validation part, fewer if a part is smaller.

    Args:
        count: pictures of MNIST; companions are added to them.
        abstains: whether the set has non-digits.
        seed: decides everything random in the set.
    """
    mnist = load_mnist()
    chosen = np.sort(np.random.default_rng(seed).permutation(len(mnist.train))[:count])
    held_out = mnist.validation.select(slice(count))
    checked, chosen_by = divide(held_out, round(CHOSEN_SHARE * len(held_out)), seed=seed)
    return Replay(
        trained=_accompany(mnist.train.select(chosen), abstains=abstains, seed=seed + TRAINED_SEED),
        chosen_by=_know(chosen_by, abstains=abstains, seed=seed + CHOSEN_SEED),
        checked=_know(checked, abstains=abstains, seed=seed + CHECKED_SEED),
    )


def _know(mnist: Split, *, abstains: bool, seed: int) -> Known:
    accompanied = _accompany(mnist, abstains=abstains, seed=seed)
    return Known(
        mnist=Split(mnist.images, mnist.labels, accompanied.classes),
        accompanied=accompanied,
        rewritten=_rewrite(accompanied, seed=seed),
    )


def _accompany(mnist: Split, *, abstains: bool, seed: int) -> Split:
    """Digits with their companions, without non-digits if the model does not abstain."""
    accompanied = add_companions(mnist, Companions(), seed=seed)
    if abstains:
        return accompanied
    digits = accompanied.select(np.flatnonzero(accompanied.labels < len(mnist.classes)))
    return Split(digits.images, digits.labels, mnist.classes)


def _rewrite(split: Split, *, seed: int) -> Split:
    """A split of frames (N, 28, 28) uint8, each changed by `Rewriting`."""
    frames = np.asarray(split.images)
    generator = torch.Generator().manual_seed(seed)
    rewriting = Rewriting()
    rewritten = np.empty_like(frames)
    for begin in range(0, len(frames), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        changed = rewriting(torch.tensor(frames[some]).to(torch.float32) / 255, generator)
        rewritten[some] = (changed * 255).round().to(torch.uint8).numpy()
    return Split(rewritten, split.labels, split.classes)
