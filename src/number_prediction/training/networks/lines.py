"""Networks that read a line of writing (CTC)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from number_prediction.constants import LINE_HEIGHT
from number_prediction.training.networks.blocks import Residual, conv_block
from number_prediction.training.networks.deslanting import Deslanting
from number_prediction.training.networks.widening import join_steps, widen


class LineNet(nn.Module):
    """Two networks for a line of writing: one sees it as written, the other sees it upright.

    Slanted digits overlap each other's columns, but an upright 7 looks much like a 1. So the two make
    different errors, and their geometric mean is better than either. In training each learns from half of the
    lines. In use both read each line; the first sees it a quarter wider, because people write narrower digits
    than those of MNIST.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.deslanting = Deslanting()
        self.as_written = LineReader(class_count)
        self.upright = LineReader(class_count)

    def forward(self, line: Tensor) -> Tensor:  # (N, 1, 40, W) -> (N, W / 2, C); in use W is 16 times whole
        ink = (line - line.amin((1, 2, 3), keepdim=True)).squeeze(1)  # paper is 0, like beyond the line
        if self.training:
            half = len(ink) // 2
            return torch.cat([self.as_written(ink[:half]), self.upright(self.deslanting(ink[half:]))])
        upright = torch.log_softmax(self.upright(self.deslanting(ink)), 2)
        as_written = join_steps(torch.log_softmax(self.as_written(widen(ink)), 2), upright.shape[1])
        return (as_written + upright) / 2


class LineReader(nn.Module):
    """Fully convolutional network over a line of writing, read by CTC (Graves et al., 2006).

    Residual stages (He et al., 2016) halve the height three times and the width twice; most of the work is
    done at a quarter of the resolution. Each remaining column sees about 50 pixels on either side. It answers
    for two time steps, so that there is room for the blank between narrow digits that repeat.
    """

    STEPS_PER_COLUMN = 2
    """Each step is 4 / STEPS_PER_COLUMN pixels of the line wide."""

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
            nn.Conv1d(128, self.STEPS_PER_COLUMN * class_count, 1),
        )

    def forward(self, ink: Tensor) -> Tensor:  # (N, 40, W) -> (N, W / 2, C)
        rows_of_columns = self.stages(ink.unsqueeze(1)).flatten(1, 2)
        columns: Tensor = self.neighbours(rows_of_columns).transpose(1, 2)  # (N, W / 4, 2 * C)
        steps: Tensor = columns.unflatten(2, (self.STEPS_PER_COLUMN, -1))  # type: ignore[no-untyped-call]
        return steps.flatten(1, 2)


def last_matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weights of the layers that give the logits: one layer, or one for each line reader."""
    readers: list[nn.Module] = [each for each in network.modules() if isinstance(each, LineReader)]
    parts = readers or [network]
    return [[weights for weights in part.parameters() if weights.ndim > 1][-1] for part in parts]
