"""The digit graph, which `export` writes: page -> frame, probabilities, is_digit, ink, findings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.digits.warnings import MEASURES
from number_prediction.training.graph.framing import Framing
from number_prediction.training.graph.ink import DigitInkFinder


class DigitAnswer(NamedTuple):
    """Outputs of the digit graph, in the order of the ONNX file's."""

    frame: Tensor
    """(N, 28, 28) float32 in [0, 1]: the network's input."""
    probabilities: Tensor
    """(N, C) float32, each row sums to 1."""
    is_digit: Tensor
    """(N,) float32 in [0, 1]; 0 where the page is blank."""
    ink: Tensor
    """(N, h, w) float32 in [0, 1]: the ink that was kept, at most 1024 a side."""
    findings: Tensor
    """(N, K) float32: measurements of the page, in the order of MEASURES."""


class Prepared(NamedTuple):
    """Output of the graph's part before the network."""

    frame: Tensor
    """(N, 28, 28) float32 in [0, 1]."""
    ink: Tensor
    """(N, h, w) float32 in [0, 1]."""
    findings: Tensor
    """(N, K) float32, in the order of MEASURES."""


class Preparation(nn.Module):
    """Page -> frame: the part of the graph before the network; it has no parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.ink = DigitInkFinder()
        self.framing = Framing()

    def forward(self, page: Tensor) -> Prepared:  # (N, H, W) uint8
        inked = self.ink(page)
        framed = self.framing(inked.ink)
        has_ink = (framed.peak > 0).to(torch.float32)
        measured = {
            "second_mark": inked.second_mark,
            "at_edge": inked.at_edge,
            "stroke": framed.peak,
            "contrast": inked.marks.contrast.flatten(),
            "inverted": inked.marks.inverted.flatten(),
            "side": framed.side * inked.marks.scale,
        }
        findings = torch.stack([measured[name] for name in MEASURES], 1) * has_ink.unsqueeze(1)
        return Prepared(framed.frame, inked.ink, findings)


class DigitGraph(nn.Module):
    """Preparation, network and softmax in one module, of dynamic batch, height and width.

    The network begins with its normalization.
    """

    def __init__(self, network: nn.Module, *, temperature: float = 1.0, abstains: bool = False) -> None:
        """`network` maps frames (N, 28, 28) in [0, 1] to logits (N, C), which are divided by `temperature`.

        If the model `abstains`, the last logit is that of "not a digit".
        """
        super().__init__()
        self.preparation = Preparation()
        self.network = network
        self.temperature = temperature
        self.abstains = abstains

    def forward(self, page: Tensor) -> DigitAnswer:  # (N, H, W) uint8
        frame, ink, findings = self.preparation(page)
        return DigitAnswer(frame, *self.classify(frame), ink, findings)

    def classify(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (N, 28, 28) float32 in [0, 1] -> probabilities and is_digit, see DigitAnswer."""
        logits = self.network(frame) / self.temperature
        is_digit = (frame.amax((1, 2)) > 0).to(torch.float32)
        if self.abstains:
            is_digit = is_digit * (1 - torch.softmax(logits, dim=1)[:, -1])
            logits = logits[:, :-1]
        return torch.softmax(logits, dim=1), is_digit
