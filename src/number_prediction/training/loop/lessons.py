"""What lines say, and what a teacher reads on them: the right answers of a batch, and their loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from number_prediction.training.graph.line_frames import STEPS_PER_COLUMN
from number_prediction.training.loop.ctc import ctc_loss
from number_prediction.training.synthesis.lines import Texts

SMALLEST_SHARE = 1e-6
"""The teacher's probabilities below this count as this."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """N lines of a batch."""

    texts: Texts
    """The classes of each line."""
    steps: Tensor
    """(N,) int64: time steps of each line; later ones are beyond it."""
    shares: Tensor | None = None
    """(N, columns, C) float32: the teacher's probabilities; None without a teacher."""
    is_right: Tensor | None = None
    """(N,) float32: 1 where the teacher reads what the line says, else 0."""


def lesson_loss(logits: Tensor, lesson: Lesson, *, teacher_weight: float) -> Tensor:
    """CTC loss of what the lines say, and the divergence from the teacher, for logits (N, T, C)."""
    loss = ctc_loss(logits, lesson.texts, lesson.steps)
    if lesson.shares is None:
        return loss
    return loss + teacher_weight * _divergence(logits, lesson)


def _divergence(logits: Tensor, lesson: Lesson) -> Tensor:
    """Mean divergence of a time step from the teacher, over the lines that it reads right (Hinton, 2015)."""
    assert lesson.shares is not None
    assert lesson.is_right is not None
    shares = lesson.shares.to(logits.device).repeat_interleave(STEPS_PER_COLUMN, 1)
    place = logits.new_ones(shares.shape[1]).cumsum(0).unsqueeze(0)
    counts = (place <= lesson.steps.to(logits.device).unsqueeze(1)) * lesson.is_right.to(
        logits.device
    ).unsqueeze(1)
    logs = logits.float().log_softmax(2)
    divergence = (shares * (shares.clamp(min=SMALLEST_SHARE).log() - logs)).sum(2)
    return (divergence * counts).sum() / counts.sum().clamp(min=1)
