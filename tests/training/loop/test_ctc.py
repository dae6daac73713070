"""The loss of lines and greedy reading."""

from __future__ import annotations

import torch

from number_prediction.constants import LETTER
from number_prediction.training.loop.ctc import aligned_loss, read_greedily
from number_prediction.training.synthesis.lines import Written


def logits_of(written: Written, *, shift: int = 0, swap: bool = False) -> torch.Tensor:
    """Logits (N, width / 2, G) that say the texts at their middles, or `shift` steps beside, or others."""
    logits = torch.zeros(len(written.texts), written.width // 2, LETTER + 1)
    logits[:, :, 0] = 12
    for line, (text, middles) in enumerate(zip(written.texts, written.middles, strict=True)):
        for glyph, middle in zip(text, middles, strict=True):
            step = int(middle / 2) + shift
            logits[line, step, 0] = 0
            logits[line, step, 1 + glyph % 10 if swap else glyph] = 12
    return logits


def test_the_loss_is_small_where_texts_are_said_at_their_middles() -> None:
    written = Written(((3, 3, 11), (1, 8), ()), ((20.0, 41.0, 60.5), (33.0, 77.0), ()), 96)
    right = logits_of(written)
    assert read_greedily(right) == written.texts
    least = float(aligned_loss(right, written))
    assert 0 < least < 0.5
    beside = logits_of(written, shift=5)
    assert read_greedily(beside) == written.texts
    wrong = logits_of(written, swap=True)
    assert least < 0.2 * float(aligned_loss(beside, written))
    assert least < 0.2 * float(aligned_loss(wrong, written))
    guess = torch.zeros_like(right, requires_grad=True)
    loss = aligned_loss(guess, written)
    (slope,) = torch.autograd.grad(loss, guess)
    assert float(aligned_loss((guess - slope).detach(), written)) < float(loss.detach())
