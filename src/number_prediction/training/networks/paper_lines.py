"""The network that reads lines on paper: the recogniser of PP-OCRv6 (small), with fewer classes.

In: frames (N, PAPER_LINE_HEIGHT, W) float32 as `line_frames` makes them: 0 is paper, 1 is ink, BEYOND is
right of a line's own width; W is a multiple of COLUMN_PX. Out: logits (N, T, classes), STEPS_PER_COLUMN time
steps a column. The layers are those of PaddleOCR's recogniser (Apache-2.0), so that its weights fit; NOTICE
names it.

Lines of a batch differ in width. Every layer that looks sideways sees zeros right of a line's own width,
as it does right of the picture. So a line's answer depends on nothing but the line.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.training.graph.canvas import BEYOND
from number_prediction.training.graph.line_frames import COLUMN_PX, STEPS_PER_COLUMN

CHANNELS = 120
"""Values a column."""
HEADS = 8
"""Heads of each attention layer."""
PAPER_INPUT, INK_INPUT = 0.7, -0.7
"""What the first layer gets for paper and for ink, about as in the training that the weights come from."""
_MASKED = -1e4


class _Masks(NamedTuple):
    """1 within each line's own width, 0 beyond: (N, 1, 1, W / scale) float32."""

    full: Tensor
    half: Tensor
    quarter: Tensor
    column: Tensor
    width_px: Tensor
    """(N, 1, 1, 1) float32."""


class PaperLineNet(nn.Module):
    """Depthwise and pointwise convolutions, then two layers of attention over the columns."""

    def __init__(
        self, class_count: int, *, steps_per_column: int = STEPS_PER_COLUMN, frozen_blocks: int | None = None
    ) -> None:
        """With `frozen_blocks`, the stem and so many blocks do not learn: edges are edges on any paper."""
        super().__init__()
        self._steps_per_column = steps_per_column
        self.stem = _Stem()
        self.blocks = nn.ModuleList(_Block(*plan) for plan in _PLAN)
        self.short = nn.Conv2d(384, CHANNELS, 1)
        self.enter = nn.Conv2d(384, CHANNELS, 1)
        self.near = nn.Conv2d(CHANNELS, CHANNELS, (1, 7), padding=(0, 3), groups=CHANNELS)
        self.mix = nn.ModuleList([_Attention(), _Attention()])
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-6)
        self.head = nn.Linear(CHANNELS, steps_per_column * class_count)
        if frozen_blocks is not None:
            for module in (self.stem, *self.blocks[:frozen_blocks]):
                module.requires_grad_(False)

    def forward(self, frame: Tensor) -> Tensor:  # (N, 48, W) or (N, 1, 48, W)
        line = frame if frame.ndim == 4 else frame.unsqueeze(1)
        masks = _masks(line)
        values = self.stem(PAPER_INPUT + (INK_INPUT - PAPER_INPUT) * line, masks)
        for block in self.blocks:
            values = block(values, masks)
        values = F.avg_pool2d(values, (3, 2))
        short = F.silu(self.short(values))
        columns = F.silu(self.enter(values)) * masks.column
        columns = (columns + F.silu(self.near(columns))).squeeze(2).transpose(1, 2)  # (N, columns, CHANNELS)
        for layer in self.mix:
            columns = layer(columns, masks)
        logits: Tensor = self.head(self.norm(columns) + short.squeeze(2).transpose(1, 2))
        steps: Tensor = logits.unflatten(2, (self._steps_per_column, -1))  # type: ignore[no-untyped-call]
        return steps.flatten(1, 2)


def _masks(line: Tensor) -> _Masks:
    full = (line[:, :, :1] > BEYOND).to(line.dtype)
    return _Masks(
        full,
        full[:, :, :, ::2],
        full[:, :, :, ::4],
        full[:, :, :, ::COLUMN_PX],
        full.sum(3, keepdim=True),
    )


class _Stem(nn.Module):
    """A quarter of the resolution, 96 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 48, 3, 2, 1)
        self.b = nn.Conv2d(48, 24, 2)
        self.c = nn.Conv2d(24, 48, 2)
        self.d = nn.Conv2d(96, 48, 3, 2, 1)
        self.e = nn.Conv2d(48, 96, 1)

    def forward(self, line: Tensor, masks: _Masks) -> Tensor:
        coloured = (line * masks.full).expand(-1, 3, -1, -1)
        values = F.relu(self.a(coloured)) * masks.half
        fine = F.relu(self.b(_pad(values))) * masks.half
        fine = F.relu(self.c(_pad(fine)))
        pooled = F.max_pool2d(_pad(values), 2, 1)  # values are positive: zeros change no maximum
        both = torch.cat([pooled, fine], 1) * masks.half
        return F.relu(self.e(F.relu(self.d(both))))


def _pad(values: Tensor) -> Tensor:
    """A row and a column of zeros below and right."""
    return F.pad(values, (0, 1, 0, 1))


class _Block(nn.Module):
    """A depthwise convolution, then two pointwise ones with a residual; or a halving of the height."""

    def __init__(self, channels: int, out: int, is_squeezed: bool) -> None:
        super().__init__()
        self.is_residual = out == channels
        stride = (1, 1) if self.is_residual else (2, 1)
        self.depth = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels)
        self.squeeze = _Squeeze(channels) if is_squeezed else None
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, out, 1)

    def forward(self, values: Tensor, masks: _Masks) -> Tensor:
        values = self.depth(values * masks.quarter) * masks.quarter
        if self.squeeze is not None:
            values = self.squeeze(values, masks)
        mixed: Tensor = self.narrow(F.gelu(self.widen(values)))
        return values + mixed if self.is_residual else mixed


class _Squeeze(nn.Module):
    """Weighs channels by their means over the line (squeeze and excitation, Hu et al., 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // 4, 1)
        self.up = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, values: Tensor, masks: _Masks) -> Tensor:
        columns = (masks.width_px / 4).to(values.dtype)
        mean = values.mean(2, keepdim=True).sum(3, keepdim=True) / columns
        return values * F.hardsigmoid(self.up(F.relu(self.down(mean))))


class _Attention(nn.Module):
    """A layer of a transformer over the columns of a line (Vaswani et al., 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(CHANNELS, eps=1e-5)
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.out = nn.Linear(CHANNELS, CHANNELS)
        self.norm2 = nn.LayerNorm(CHANNELS, eps=1e-5)
        self.up = nn.Linear(CHANNELS, 2 * CHANNELS)
        self.down = nn.Linear(2 * CHANNELS, CHANNELS)

    def forward(self, columns: Tensor, masks: _Masks) -> Tensor:
        parts = self.qkv(self.norm1(columns)).unflatten(2, (3, HEADS, CHANNELS // HEADS))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (N, HEADS, columns, CHANNELS / HEADS)
        scores = (query * (CHANNELS // HEADS) ** -0.5) @ key.transpose(2, 3)
        shares = torch.softmax(scores + (1 - masks.column) * _MASKED, 3).to(value.dtype)
        columns = columns + self.out((shares @ value).transpose(1, 2).flatten(2))
        update: Tensor = self.down(F.silu(self.up(self.norm2(columns))))
        return columns + update


_PLAN = (
    (96, 96, True),
    (96, 96, False),
    (96, 96, False),
    (96, 192, False),
    (192, 192, True),
    (192, 192, False),
    (192, 192, True),
    (192, 192, False),
    (192, 192, True),
    (192, 192, False),
    (192, 384, False),
    (384, 384, True),
    (384, 384, False),
)
"""Channels in and out of each block, and whether it weighs channels by their means."""
