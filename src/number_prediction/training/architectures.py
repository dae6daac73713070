"""Networks: normalised frames (N, 1, 28, 28) float32 -> logits (N, C). One class an architecture.

That for lines: (N, 1, 40, W) -> logits (N, T, C) of T time steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from number_prediction.training.slant import Deslanting
from number_prediction.types import FRAME_SIZE, LINE_HEIGHT


class Normalization(nn.Module):
    """Frames (N, 28, 28) in [0, 1] -> (N, 1, 28, 28) standardized over the training set."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        """`mean` and `std`: scalar tensors; they are kept with the weights."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, frame: Tensor) -> Tensor:
        return ((frame - self.mean) / self.std).unsqueeze(1)


class MLP(nn.Module):
    """Multilayer perceptron: two hidden layers on the 784 pixels, none of which knows its neighbours."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(FRAME_SIZE**2, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class CNN(nn.Module):
    """Convolutional network: four 3x3 convolutions, three of which halve the image by max pooling.

    Pooling stands before batch normalisation (as in Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
    GPU", 2024): the same function where the scale is positive, on a quarter of the pixels.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 16, pool=True),  # 14 x 14
            conv_block(16, 32, pool=True),  # 7 x 7
            conv_block(32, 64),
            conv_block(64, 64, pool=True),  # 3 x 3
            nn.Flatten(),
            nn.Linear(64 * 3 * 3, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class ResNet(nn.Module):
    """Residual network (He et al., 2016): twice a convolution that halves the image and a residual block."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 32, pool=True),  # 14 x 14
            Residual(32),
            conv_block(32, 64, pool=True),  # 7 x 7
            Residual(64),
            conv_block(64, 64, pool=True),  # 3 x 3
            nn.Flatten(),
            nn.Linear(64 * 3 * 3, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class Residual(nn.Module):
    """x + f(x), with f two 3x3 convolutions: the block learns what to add."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(conv_block(channels, channels), conv_block(channels, channels))

    def forward(self, image: Tensor) -> Tensor:
        changed: Tensor = image + self.change(image)
        return changed


class LineNet(nn.Module):
    """Two networks for a line of writing: one sees it as it is written, the other set upright.

    Slanted digits reach over each other's columns, and a 7 set upright is much like a 1: they err
    differently, and their mean is better than either. In training each learns from its half of the lines, in
    use both read each line.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.deslanting = Deslanting()
        self.as_written = LineReader(class_count)
        self.upright = LineReader(class_count)

    def forward(self, line: Tensor) -> Tensor:  # (N, 1, 40, W) -> (N, W / 2, C)
        ink = (line - line.amin((1, 2, 3), keepdim=True)).squeeze(1)  # paper is 0, as beyond the line
        if self.training:
            half = len(ink) // 2
            return torch.cat([self.as_written(ink[:half]), self.upright(self.deslanting(ink[half:]))])
        as_written = torch.log_softmax(self.as_written(ink), 2)
        return torch.logaddexp(as_written, torch.log_softmax(self.upright(self.deslanting(ink)), 2))


class LineReader(nn.Module):
    """Fully convolutional network over a line of writing, read by CTC (Graves et al., 2006).

    Residual stages (He et al., 2016) halve the height three times and the width twice; most of the
    work is done at a quarter of the resolution. Each column that is left knows about 50 pixels on either
    side, and answers for two time steps, so that narrow digits that repeat have room for the blank between
    them.
    """

    STEPS = 2
    """Time steps a column, each of 4 / STEPS pixels of the line."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            conv_block(1, 16, pool=True),
            Residual(16),
            conv_block(16, 64, stride=2),
            Residual(64),
            Residual(64),
            conv_block(64, 96, pool=(2, 1)),  # five rows are left of LINE_HEIGHT
            Residual(96),
        )
        self.neighbours = nn.Sequential(
            nn.Conv1d(LINE_HEIGHT // 8 * 96, 128, 3, padding=1, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Conv1d(128, 128, 5, padding=2, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Conv1d(128, self.STEPS * class_count, 1),
        )

    def forward(self, ink: Tensor) -> Tensor:  # (N, 40, W) -> (N, W / 2, C)
        columns: Tensor = self.neighbours(
            self.stages(ink.unsqueeze(1)).flatten(1, 2)
        )  # (N, STEPS * C, W / 4)
        steps: Tensor = columns.transpose(1, 2).unflatten(2, (self.STEPS, -1))  # type: ignore[no-untyped-call]
        return steps.flatten(1, 2)


def conv_block(
    inputs: int, outputs: int, *, pool: bool | tuple[int, int] = False, stride: int = 1
) -> nn.Sequential:
    """3x3 convolution, pooling that halves the size if asked, batch normalisation, ReLU.

    `pool` as a pair is its window in rows and columns; a `stride` of 2 halves the size for a
    quarter of the work.
    """
    window = (2, 2) if pool is True else pool
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        *([nn.MaxPool2d(window)] if window else []),
        nn.BatchNorm2d(outputs, momentum=0.3),
        nn.ReLU(),
    )
