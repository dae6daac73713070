"""Building blocks of networks."""

from __future__ import annotations

from torch import Tensor, nn

BATCH_NORM_MOMENTUM = 0.3
"""Weight of the latest batch in batch normalisation's running statistics; high, as trainings are short."""


class Normalization(nn.Module):
    """Frames (N, 28, 28) or (N, C, 28, 28) in [0, 1] -> (N, C, 28, 28), standardized over all of them."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        """`mean` and `std`: scalar tensors; they are kept with the weights."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, frame: Tensor) -> Tensor:
        standardized = (frame - self.mean) / self.std
        return standardized.unsqueeze(1) if frame.ndim == 3 else standardized


class Residual(nn.Module):
    """x + f(x), where f is one or several blocks."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.change = nn.Sequential(*blocks)

    def forward(self, image: Tensor) -> Tensor:
        changed: Tensor = image + self.change(image)
        return changed


def dense_block(inputs: int, outputs: int) -> nn.Sequential:
    """Linear layer, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, momentum=BATCH_NORM_MOMENTUM), nn.ReLU()
    )


def conv_block(
    inputs: int, outputs: int, *, size: int = 3, stride: int = 1, pool: bool | tuple[int, int] = False
) -> nn.Sequential:
    """Convolution, optional pooling, batch normalisation, ReLU.

    With a `stride` of 1 the convolution keeps the image's size. `pool` halves both sides; a pair is the
    window in rows and columns.
    """
    window = (2, 2) if pool is True else pool
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        *([nn.MaxPool2d(window)] if window else []),
        nn.BatchNorm2d(outputs, momentum=BATCH_NORM_MOMENTUM),
        nn.ReLU(),
    )


def separable_block(channels: int, *, pool: bool = False) -> nn.Sequential:
    """3x3 convolution of each channel, 1x1 convolution across them, pooling, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
        nn.ReLU(),
    )


def place_head(channels: int, class_count: int) -> nn.Sequential:
    """(N, channels, 3, 3) -> logits (N, C): scores of the classes at each place, weighted by place.

    It is a linear layer of rank one for each class, with a third of the parameters.
    """
    return nn.Sequential(
        nn.Conv2d(channels, class_count, 1, bias=False),
        nn.Conv2d(class_count, class_count, 3, groups=class_count),
        nn.Flatten(),
    )
