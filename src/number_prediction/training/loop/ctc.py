"""Connectionist temporal classification (Graves et al., 2006): logits by time step against texts.

A text is a tuple of classes: places in GLYPHS, where 0 is the blank, and LETTER. For composed lines the place
of each glyph is known. Trained with these places too, a network learns in fewer batches and answers at the
middle of each glyph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.training.synthesis.lines import Texts, Written

STEP_LOSS_WEIGHT = 0.5
"""Weight of the loss of the time steps beside the loss of the whole text."""
OPEN_DISTANCE_PX = 4.0
"""Distance from a glyph's middle within which any answer is allowed."""


def aligned_loss(logits: Tensor, written: Written) -> Tensor:
    """Sum of the losses of texts and time steps, for logits (N, T, C)."""
    return ctc_loss(logits, written.texts) + STEP_LOSS_WEIGHT * _step_loss(logits, written)


def _step_loss(logits: Tensor, written: Written) -> Tensor:
    """Cross-entropy at the middles of glyphs, and at steps farther than OPEN_DISTANCE_PX from all of them."""
    count, steps, _ = logits.shape
    step = written.width / steps
    owner = torch.tensor([line for line, text in enumerate(written.texts) for _ in text])
    glyphs = torch.tensor([glyph for text in written.texts for glyph in text])
    middles = torch.tensor([middle for line in written.middles for middle in line])
    place = (torch.arange(steps) + 0.5) * step
    is_near = ((place - middles.unsqueeze(1)).abs() < OPEN_DISTANCE_PX).to(torch.float32)
    is_blank = torch.zeros(count, steps).index_add_(0, owner, is_near) == 0
    at = (middles / step).to(torch.int64).clamp(0, steps - 1)
    logs = logits.float().log_softmax(2)
    at_glyphs = logs[owner.to(logs.device), at.to(logs.device), glyphs.to(logs.device)]
    at_blanks = logs[:, :, 0][is_blank.to(logs.device)]
    return -(at_glyphs.sum() / max(1, len(glyphs)) + at_blanks.mean())


def ctc_loss(logits: Tensor, texts: Texts, steps: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood per glyph, scalar float32, for logits (N, T, C).

    Of each line the first `steps` (N,) count, by default all. A text that does not fit into them counts 0.
    """
    if steps is None:
        steps = torch.full((len(texts),), logits.shape[1])
    lengths = torch.tensor([len(text) for text in texts])
    glyphs = torch.tensor([glyph for text in texts for glyph in text], dtype=torch.int64)
    logs = logits.float().log_softmax(2).transpose(0, 1)
    return F.ctc_loss(logs, glyphs.to(logits.device), steps, lengths, zero_infinity=True)


def read_greedily(logits: Tensor) -> Texts:
    """The most probable glyph of each step without repeats and blanks, for logits (N, T, C)."""
    texts = []
    for steps in logits.argmax(2).tolist():
        before = [0, *steps[:-1]]
        texts.append(tuple(now for now, last in zip(steps, before, strict=True) if now and now != last))
    return tuple(texts)
