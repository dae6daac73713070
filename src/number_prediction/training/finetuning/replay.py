"""What a model that is trained on must not forget: MNIST and what the repository generates, as frames.

Out: pictures to train on beside new ones (rehearsal; Robins, "Catastrophic forgetting, rehearsal and
pseudorehearsal", 1995), others to choose by, and others again to measure on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Split, divide
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.synthesis.companions import Companions, add_companions

TRAINED_SEED, CHOSEN_SEED, GUARDED_SEED = 2_000_000, 3_000_000, 4_000_000
"""Added to the seed: the companions are none of those that a recipe was trained or validated with."""
CHOSEN_SHARE = 0.4
"""Of MNIST's validation part, to choose by; the rest is measured on."""
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class Known:
    """What a model knows, as frames of the ten digits and, for a model that abstains, of NOT_A_DIGIT."""

    mnist: Split
    """Of MNIST alone."""
    accompanied: Split
    """The same with companions."""
    rewritten: Split
    """Those, each changed as `Rewriting` changes it."""


@dataclass(frozen=True, eq=False)
class Replay:
    """Three sets without a picture in common."""

    trained: Split
    """Of MNIST's training part, and companions."""
    chosen_by: Known
    """Of MNIST's validation part; sets what is not trained."""
    guarded: Known
    """The rest of it; nothing is chosen by these."""


def draw_replay(count: int, *, abstains: bool, seed: int) -> Replay:
    """Draw `count` pictures of MNIST's training part, and as many as there are of its validation part.

    Args:
        count: pictures of MNIST; the companions that go with them come on top.
        abstains: whether non-digits belong to it.
        seed: of all that is random in it.
    """
    mnist = load_mnist()
    chosen = np.sort(np.random.default_rng(seed).permutation(len(mnist.train))[:count])
    held_out = mnist.validation.select(slice(count))
    guarded, chosen_by = divide(held_out, round(CHOSEN_SHARE * len(held_out)), seed=seed)
    return Replay(
        trained=_accompany(mnist.train.select(chosen), abstains=abstains, seed=seed + TRAINED_SEED),
        chosen_by=_know(chosen_by, abstains=abstains, seed=seed + CHOSEN_SEED),
        guarded=_know(guarded, abstains=abstains, seed=seed + GUARDED_SEED),
    )


def _know(mnist: Split, *, abstains: bool, seed: int) -> Known:
    accompanied = _accompany(mnist, abstains=abstains, seed=seed)
    return Known(
        mnist=Split(mnist.images, mnist.labels, accompanied.classes),
        accompanied=accompanied,
        rewritten=_rewrite(accompanied, seed=seed),
    )


def _accompany(mnist: Split, *, abstains: bool, seed: int) -> Split:
    """Digits with their companions; without non-digits for a model that does not abstain."""
    accompanied = add_companions(mnist, Companions(), seed=seed)
    if abstains:
        return accompanied
    digits = accompanied.select(np.flatnonzero(accompanied.labels < len(mnist.classes)))
    return Split(digits.images, digits.labels, mnist.classes)


def _rewrite(split: Split, *, seed: int) -> Split:
    """A split of frames (N, 28, 28) uint8, each changed as `Rewriting` changes it."""
    frames = np.asarray(split.images)
    generator = torch.Generator().manual_seed(seed)
    rewriting = Rewriting()
    rewritten = np.empty_like(frames)
    for begin in range(0, len(frames), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        changed = rewriting(torch.tensor(frames[some]).to(torch.float32) / 255, generator)
        rewritten[some] = (changed * 255).round().to(torch.uint8).numpy()
    return Split(rewritten, split.labels, split.classes)
