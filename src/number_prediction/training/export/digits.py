"""A network for digits -> its ONNX file, which answers like torch.

The parity check compares both on given pages and on pictures of odd sizes.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.datasets.split import Pages
from number_prediction.digits.predictor import (
    CLASSES_KEY,
    MEASURES_KEY,
    OUTPUTS,
    SHOWN,
    GraphAnswer,
    Predictor,
)
from number_prediction.digits.warnings import MEASURES
from number_prediction.training.export.onnx_files import ODD_SHAPES, Parity, candidate, convert
from number_prediction.training.export.packing import pack, round_weights
from number_prediction.training.graph.digit_graph import DigitGraph, PaperReader
from number_prediction.training.loop.trained import TrainedNetwork

FINDINGS_TOLERANCE = 1e-3
"""Relative and absolute difference of findings that still counts as equal."""
PARITY_PICTURES = 10_000
"""MNIST test images compared for a model that gets a place of its own."""
QUICK_PARITY_PICTURES = 1_000
"""MNIST test images compared for a model that stays in its run; enough to catch a fault."""
_FRAMES_AT_ONCE = 500


def to_onnx(graph: DigitGraph, classes: tuple[str, ...]) -> bytes:
    """Convert a digit graph to an ONNX file."""
    return pack(convert(graph, (*OUTPUTS, *SHOWN), {CLASSES_KEY: classes, MEASURES_KEY: MEASURES}))


def round_ink(trained: TrainedNetwork) -> TrainedNetwork:
    """The network, with the weights of its ink network, if it has one, rounded as the file will hold them."""
    if not isinstance(trained.network, PaperReader):
        return trained
    network = copy.deepcopy(trained.network)
    network.ink = round_weights(network.ink)
    return replace(trained, network=network)


def describe_outputs(classes: tuple[str, ...]) -> dict[str, str]:
    """Shapes and ranges of the outputs, for the manifest."""
    return {
        "frame": "(batch, 28, 28) float32 in [0, 1]",
        "probabilities": f"(batch, {len(classes)}) float32",
        "is_digit": "(batch,) float32 in [0, 1]; 0 where the page is blank",
        "ink": "(batch, height, width) float32 in [0, 1]; reduced for pages above 1024 pixels a side",
        "paper": "(batch, 28, 28) float32 in [0, 1]: the page at the frame's place; 1/3 is paper, 2/3 is ink",
        "beside": "(batch, 2, side, side) float32 in [0, 1]: other writing, and rules; on the page's square",
        "findings": f"(batch, {len(MEASURES)}) float32: {', '.join(MEASURES)}",
    }


def check_content(content: bytes, trained: TrainedNetwork, *, pages: Pages) -> Parity:
    """`check_parity` of an ONNX file that is not written yet, and its network."""
    with candidate(content) as path:
        return check_parity(trained.graph(), Predictor(path), trained.threshold, pages=pages)


def check_parity(graph: DigitGraph, predictor: Predictor, threshold: float, *, pages: Pages) -> Parity:
    """Compare torch and ONNX Runtime on pages and on random pictures of odd sizes.

    Args:
        graph: the graph that torch runs.
        predictor: the model that ONNX Runtime runs.
        threshold: threshold of `is_digit`; both must abstain on the same pictures.
        pages: (N, H, W) uint8.

    Raises:
        ModelError: they disagree.
    """
    generator = np.random.default_rng(0)
    odd = [generator.integers(0, 256, (3, *shape), np.uint8) for shape in ODD_SHAPES]
    different, largest, pictures = 0, 0.0, 0
    for some in (pages, *odd):
        assert isinstance(some, np.ndarray)
        expected, answer = _run_torch(graph, some), predictor.run(some)
        difference = np.abs(expected.probabilities - answer.probabilities).max()
        different += int((expected.probabilities.argmax(1) != answer.probabilities.argmax(1)).sum())
        different += int(((expected.is_digit >= threshold) != (answer.is_digit >= threshold)).sum())
        alike = np.isclose(
            expected.findings, answer.findings, rtol=FINDINGS_TOLERANCE, atol=FINDINGS_TOLERANCE
        )
        different += int((~alike).any(1).sum())
        largest = max(largest, float(difference))
        pictures += len(some)
    parity = Parity(pictures, different, largest)
    parity.require()
    return parity


@torch.no_grad()
def _run_torch(graph: DigitGraph, pages: NDArray[np.uint8]) -> GraphAnswer:
    answers = [
        graph(torch.tensor(pages[i : i + _FRAMES_AT_ONCE])) for i in range(0, len(pages), _FRAMES_AT_ONCE)
    ]
    frames, probabilities, is_digit, _, findings, *_ = (
        torch.cat(parts).numpy() for parts in zip(*answers, strict=True)
    )
    return GraphAnswer(frames, probabilities, is_digit, findings)
