"""Connectionist temporal classification (Graves et al., 2006): logits by time step against texts.

A text is a tuple of places in GLYPHS, of which 0 is the blank.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Texts: TypeAlias = "tuple[tuple[int, ...], ...]"


def ctc_loss(logits: Tensor, texts: Texts) -> Tensor:
    """Mean negative log-likelihood of a glyph, scalar float32, of logits (N, T, C).

    A text that does not fit into T steps counts nothing.
    """
    steps = torch.full((len(texts),), logits.shape[1])
    lengths = torch.tensor([len(text) for text in texts])
    glyphs = torch.tensor([glyph for text in texts for glyph in text], dtype=torch.int64)
    logs = logits.float().log_softmax(2).transpose(0, 1)
    return F.ctc_loss(logs, glyphs.to(logits.device), steps, lengths, zero_infinity=True)


def read_greedily(logits: Tensor) -> Texts:
    """The most probable glyph of each step, repeats and blanks dropped, of logits (N, T, C)."""
    texts = []
    for steps in logits.argmax(2).tolist():
        before = [0, *steps[:-1]]
        texts.append(tuple(now for now, last in zip(steps, before, strict=True) if now and now != last))
    return tuple(texts)
