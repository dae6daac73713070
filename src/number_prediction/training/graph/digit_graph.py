"""The digit graph, which `export` writes: page -> the fields of DigitAnswer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.digits.warnings import MEASURES
from number_prediction.training.graph.framing import Framing
from number_prediction.training.graph.ink import DigitInkFinder, reduce_page
from number_prediction.training.graph.ink_frames import InkedNetwork, find_writing


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
    """(N, K) float32: what was measured on the way, in the order of MEASURES."""
    paper: Tensor
    """(N, 28, 28) float32 in [0, 1]: the page at the frame's place, 1/3 is as the paper, 2/3 as the ink."""
    beside: Tensor
    """(N, 2, S, S) float32 in [0, 1]: other writing and print, and rules, on a square that the page shares
    its top left corner and longer side with; S is 1 and all is 0 where thresholds find the ink."""


class Prepared(NamedTuple):
    """Output of the graph's part before the network."""

    frame: Tensor
    """(N, 28, 28) float32 in [0, 1]."""
    ink: Tensor
    """(N, h, w) float32 in [0, 1]."""
    findings: Tensor
    """(N, K) float32, in the order of MEASURES."""
    paper: Tensor
    """(N, 28, 28) float32 in [0, 1], as in DigitAnswer."""
    beside: Tensor
    """(N, 2, S, S) float32 in [0, 1], as in DigitAnswer."""


class PaperReader(InkedNetwork):
    """A reader of ink and paper: frames (N, 2, 28, 28) -> logits (N, C)."""

    def forward(self, frames: Tensor) -> Tensor:
        """Frames of ink and paper (N, 2, 28, 28), or of ink on clean paper (N, 28, 28) -> logits (N, C)."""
        both = frames if frames.ndim == 4 else torch.stack([frames, on_clean_paper(frames)], 1)
        logits: Tensor = self.reader(both)
        return logits


def on_clean_paper(ink: Tensor) -> Tensor:
    """The frame of paper that goes with one of ink (N, 28, 28) where there is nothing else."""
    return (ink + 1) / 3


def prepare_by(ink: nn.Module, page: Tensor) -> Prepared:
    """Pages (N, H, W) uint8 -> frames of ink and paper, by an ink network as `find_writing` takes it."""
    grey, scale = reduce_page(page)
    inked = find_writing(ink, grey.squeeze(1), scale)
    has_ink = (inked.framed.peak > 0).to(torch.float32)
    findings = torch.stack([inked.measured[name] for name in MEASURES], 1) * has_ink.unsqueeze(1)
    return Prepared(inked.framed.ink, inked.ink, findings, inked.framed.paper, inked.beside)


class Preparation(nn.Module):
    """Page -> frame by thresholds set by hand, without parameters: for networks that see the ink alone."""

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
        nothing = framed.frame.new_zeros(framed.frame.shape[0], 2, 1, 1)
        return Prepared(framed.frame, inked.ink, findings, on_clean_paper(framed.frame), nothing)


class DigitGraph(nn.Module):
    """Preparation, network and softmax in one module, of dynamic batch, height and width.

    The network begins with its normalization.
    """

    def __init__(self, network: nn.Module, *, temperature: float = 1.0, abstains: bool = False) -> None:
        """`network` maps frames (N, 28, 28) in [0, 1] to logits (N, C), which are divided by `temperature`.

        A PaperReader takes frames of ink and paper and brings the ink network that makes them. If the model
        `abstains`, the last logit is that of "not a digit".
        """
        super().__init__()
        self.preparation = Preparation()
        self.network = network
        self.temperature = temperature
        self.abstains = abstains

    def forward(self, page: Tensor) -> DigitAnswer:  # (N, H, W) uint8
        frame, ink, findings, paper, beside = self.prepare(page)
        return DigitAnswer(frame, *self.classify(frame, paper), ink, findings, paper, beside)

    def prepare(self, page: Tensor) -> Prepared:
        """Pages (N, H, W) uint8 -> what the network sees of them."""
        if isinstance(self.network, PaperReader):
            return prepare_by(self.network.ink, page)
        prepared: Prepared = self.preparation(page)
        return prepared

    def classify(self, frame: Tensor, paper: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Frames (N, 28, 28) float32 in [0, 1] -> probabilities and is_digit, see DigitAnswer.

        Without `paper`, a PaperReader sees the ink on clean paper.
        """
        seen = frame
        if paper is not None and isinstance(self.network, PaperReader):
            seen = torch.stack([frame, paper], 1)
        logits = self.network(seen) / self.temperature
        is_digit = (frame.amax((1, 2)) > 0).to(torch.float32)
        if self.abstains:
            is_digit = is_digit * (1 - torch.softmax(logits, dim=1)[:, -1])
            logits = logits[:, :-1]
        return torch.softmax(logits, dim=1), is_digit
