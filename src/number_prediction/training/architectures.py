"""Networks: normalised frames (N, 1, 28, 28) float32 -> logits (N, C). One class an architecture.

That for lines: (N, 1, 40, W) -> logits (N, T, C) of T time steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from number_prediction.training.slant import Deslanting
from number_prediction.training.widening import join_steps, widen
from number_prediction.types import FRAME_SIZE, LINE_HEIGHT

MOMENTUM = 0.3
"""Share of the latest batch in the running statistics of batch normalisation: trainings are short."""


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
    """Multilayer perceptron: two hidden layers on the 784 pixels, none of which knows its neighbours.

    The first network of many a course, 784-128-64-10; its batch normalisations are folded into the layers
    before them when it is exported.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            dense_block(FRAME_SIZE**2, 128),
            dense_block(128, 64),
            nn.Linear(64, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class FastCNN(nn.Module):
    """Convolutional network for a training of a second or two: most of its work is on 6x6 places.

    The outermost two rows and columns, which hardly ever hold ink, are cut off, and the first convolution
    looks at every second place.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 32, size=5, stride=2, pool=True),  # 6 x 6
            conv_block(32, 64, pool=True),  # 3 x 3
            nn.Flatten(),
            dense_block(64 * 3 * 3, 128),
            nn.Linear(128, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image[..., 2:-2, 2:-2])
        return logits


class CNN(nn.Module):
    """Convolutional network: channels are few while the image is large, and double as its side is halved.

    Pooling stands before batch normalisation (as in Jordan, "94% on CIFAR-10 in 3.29 seconds on a single
    GPU", 2024): the same function where the scale is positive, on a quarter of the pixels.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 16, size=5, stride=2),  # 14 x 14
            conv_block(16, 32, pool=True),  # 7 x 7
            conv_block(32, 64, pool=True),  # 3 x 3
            conv_block(64, 128),
            nn.Flatten(),
            nn.Linear(128 * 3 * 3, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class ResNet(nn.Module):
    """Residual network (He et al., 2016): twice a convolution that halves the image and a residual block."""

    def __init__(self, class_count: int, *, width: int = 32) -> None:
        """`width`: channels at 14 x 14; at 7 x 7 there are twice as many."""
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, width, pool=True),  # 14 x 14
            Residual(conv_block(width, width), conv_block(width, width)),
            conv_block(width, 2 * width, pool=True),  # 7 x 7
            Residual(conv_block(2 * width, 2 * width), conv_block(2 * width, 2 * width)),
            conv_block(2 * width, 2 * width, pool=True),  # 3 x 3
            nn.Flatten(),
            nn.Linear(2 * width * 3 * 3, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class TinyCNN(nn.Module):
    """Convolutional network of fewer than 10,000 parameters, most of them in four 3x3 convolutions."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 14, size=5, stride=2),  # 14 x 14
            conv_block(14, 16),
            conv_block(16, 16, pool=True),  # 7 x 7
            conv_block(16, 16),
            conv_block(16, 16, pool=True),  # 3 x 3
            place_head(16, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class MicroCNN(nn.Module):
    """Convolutional network of fewer than 2,000 parameters: separable ones, so that it can be deep."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 12, size=5, stride=2),  # 14 x 14
            Residual(separable_block(12)),
            separable_block(12, pool=True),  # 7 x 7
            Residual(separable_block(12)),
            Residual(separable_block(12)),
            separable_block(12, pool=True),  # 3 x 3
            place_head(12, class_count),
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layers(image)
        return logits


class Residual(nn.Module):
    """x + f(x), with f one or several blocks: they learn what to add."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.change = nn.Sequential(*blocks)

    def forward(self, image: Tensor) -> Tensor:
        changed: Tensor = image + self.change(image)
        return changed


class LineNet(nn.Module):
    """Two networks for a line of writing: one sees it as it is written, the other set upright.

    Slanted digits reach over each other's columns, and a 7 set upright is much like a 1: they err
    differently, and their geometric mean is better than either. In training each learns from its half of the
    lines, in use both read each line, the first a quarter wider: people write narrower digits than MNIST's.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.deslanting = Deslanting()
        self.as_written = LineReader(class_count)
        self.upright = LineReader(class_count)

    def forward(self, line: Tensor) -> Tensor:  # (N, 1, 40, W) -> (N, W / 2, C); in use W is 16 times whole
        ink = (line - line.amin((1, 2, 3), keepdim=True)).squeeze(1)  # paper is 0, as beyond the line
        if self.training:
            half = len(ink) // 2
            return torch.cat([self.as_written(ink[:half]), self.upright(self.deslanting(ink[half:]))])
        upright = torch.log_softmax(self.upright(self.deslanting(ink)), 2)
        as_written = join_steps(torch.log_softmax(self.as_written(widen(ink)), 2), upright.shape[1])
        return (as_written + upright) / 2


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
            Residual(conv_block(16, 16), conv_block(16, 16)),
            conv_block(16, 64, stride=2),
            Residual(conv_block(64, 64), conv_block(64, 64)),
            Residual(conv_block(64, 64), conv_block(64, 64)),
            conv_block(64, 96, pool=(2, 1)),  # five rows are left of LINE_HEIGHT
            Residual(conv_block(96, 96), conv_block(96, 96)),
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
        rows_of_columns = self.stages(ink.unsqueeze(1)).flatten(1, 2)
        columns: Tensor = self.neighbours(rows_of_columns)  # (N, STEPS * C, W / 4)
        steps: Tensor = columns.transpose(1, 2).unflatten(2, (self.STEPS, -1))  # type: ignore[no-untyped-call]
        return steps.flatten(1, 2)


def last_matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weights of the layers that give the logits: one, or one of each line reader."""
    readers: list[nn.Module] = [each for each in network.modules() if isinstance(each, LineReader)]
    parts = readers or [network]
    return [[weights for weights in part.parameters() if weights.ndim > 1][-1] for part in parts]


def dense_block(inputs: int, outputs: int) -> nn.Sequential:
    """Linear layer, batch normalisation, ReLU."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, momentum=MOMENTUM), nn.ReLU())


def conv_block(
    inputs: int, outputs: int, *, size: int = 3, stride: int = 1, pool: bool | tuple[int, int] = False
) -> nn.Sequential:
    """Convolution, pooling that halves the image if asked, batch normalisation, ReLU.

    With a `stride` of 1 the convolution keeps the image's size. `pool` as a pair is its window in rows and
    columns.
    """
    window = (2, 2) if pool is True else pool
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        *([nn.MaxPool2d(window)] if window else []),
        nn.BatchNorm2d(outputs, momentum=MOMENTUM),
        nn.ReLU(),
    )


def separable_block(channels: int, *, pool: bool = False) -> nn.Sequential:
    """3x3 convolution of each channel, 1x1 convolution across them, pooling, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.BatchNorm2d(channels, momentum=MOMENTUM),
        nn.ReLU(),
    )


def place_head(channels: int, class_count: int) -> nn.Sequential:
    """(N, channels, 3, 3) -> logits (N, C): scores of the classes at each place, weighed by place.

    A linear layer of rank one for each class, with a third of the parameters.
    """
    return nn.Sequential(
        nn.Conv2d(channels, class_count, 1, bias=False),
        nn.Conv2d(class_count, class_count, 3, groups=class_count),
        nn.Flatten(),
    )
