"""What a model that is trained on must not forget: MNIST and what the repository generates, as frames.

Out: pictures to train on beside new ones (rehearsal; Robins, "Catastrophic forgetting, rehearsal and
pseudorehearsal", 1995), and others, drawn with another seed, to measure on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from number_prediction.mnist import load_mnist
from number_prediction.splits import Split
from number_prediction.training.companions import Companions, add_companions
from number_prediction.training.rewriting import Rewriting

TRAINED_SEED, MEASURED_SEED = 2_000_000, 3_000_000
"""Added to the seed: the companions are none of those that a recipe was trained or validated with."""
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class Replay:
    """Frames with their labels, of the ten digits and, for a model that abstains, of NOT_A_DIGIT."""

    trained: Split
    """Of MNIST's training part, and companions."""
    mnist: Split
    """Of MNIST's validation part."""
    rewritten: Split
    """The same with companions, rewritten."""
    plain: Split
    """A third of those, as they were before."""


def draw_replay(count: int, *, abstains: bool, seed: int) -> Replay:
    """Draw `count` pictures of MNIST's training part, and as many as there are of its validation part.

    Args:
        count: pictures of MNIST; the companions that go with them come on top.
        abstains: whether non-digits belong to it.
        seed: of all that is random in it.
    """
    mnist = load_mnist()
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(mnist.train))[:count])
    measured = mnist.validation.select(slice(count))
    parts = [
        add_companions(part, Companions(), seed=seed + offset)
        for part, offset in ((mnist.train.select(chosen), TRAINED_SEED), (measured, MEASURED_SEED))
    ]
    trained, accompanied = parts if abstains else [_digits(part) for part in parts]
    return Replay(
        trained=trained,
        mnist=Split(measured.images, measured.labels, accompanied.classes),
        rewritten=rewrite(accompanied, seed=seed + MEASURED_SEED),
        plain=accompanied.select(slice(None, None, 3)),
    )


def rewrite(split: Split, *, seed: int) -> Split:
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


def _digits(split: Split) -> Split:
    """A split without its last class."""
    kept = split.select(np.flatnonzero(split.labels < len(split.classes) - 1))
    return Split(kept.images, kept.labels, split.classes[:-1])
