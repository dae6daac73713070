"""Networks: normalised frames (N, 1, 28, 28) float32 -> logits (N, C). One class an architecture.

That for lines: (N, 1, 40, W) -> logits (N, T, C) of T time steps.
"""

from __future__ import annotations

from torch import Tensor, nn

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.networks.blocks import (
    Residual,
    conv_block,
    dense_block,
    place_head,
    separable_block,
)


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

    def __init__(self, class_count: int, *, width: int = 32, frames: int = 1) -> None:
        """`width`: channels at 14 x 14; at 7 x 7 there are twice as many. `frames`: channels of the image."""
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(frames, width, pool=True),  # 14 x 14
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
