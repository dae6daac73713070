"""A network for numbers -> its ONNX file, which answers as torch does.

They are compared over composed lines and over pictures of odd sizes.
"""

from __future__ import annotations

import numpy as np
import torch

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH
from number_prediction.datasets.mnist import load_mnist
from number_prediction.numbers.predictor import GLYPHS_KEY, OUTPUTS, NumberPredictor
from number_prediction.training.export.onnx_files import ODD_SHAPES, Parity, candidate, convert
from number_prediction.training.export.packing import pack, round_weights
from number_prediction.training.graph.number_graph import NumberGraph
from number_prediction.training.loop.ctc import read_greedily
from number_prediction.training.loop.state import TrainedNetwork
from number_prediction.training.synthesis.glyphs import LineRecipe
from number_prediction.training.synthesis.lines import make_composer

LINES = 100
"""Composed lines that are compared, of each of WIDTHS."""
WIDTHS = (64, 160, LINE_WIDTH)
_GLYPHS = LineRecipe(writings=60, signs=120)
"""What they are composed of: a few of each."""


def to_onnx(graph: NumberGraph) -> bytes:
    """The ONNX file of a number graph."""
    return pack(convert(graph, OUTPUTS, {GLYPHS_KEY: GLYPHS}))


def describe_outputs() -> dict[str, str]:
    """Shapes and ranges of the outputs, for the manifest."""
    return {
        "frame": f"(batch, {LINE_HEIGHT}, {LINE_WIDTH}) float32 in [0, 1]",
        "probabilities": f"(batch, steps, {len(GLYPHS)}) float32: blank, then {' '.join(GLYPHS[1:])}",
        "place": "(batch, 3) float32, on the page: left and top of the frame, side of one of its pixels",
        "is_number": "(batch) float32 in [0, 1]: that no letter stands on the line",
    }


def check_content(content: bytes, trained: TrainedNetwork) -> Parity:
    """Compare torch and ONNX Runtime; raises ModelError where they disagree."""
    graph = number_graph(trained)
    composer = make_composer(load_mnist().validation, _GLYPHS, seed=0)
    random = np.random.default_rng(0)
    pages = [random.integers(0, 256, (3, *shape), np.uint8) for shape in ODD_SHAPES]
    for number, width in enumerate(WIDTHS):
        pages.append(composer.draw(number, LINES, width)[0])
    different, largest = 0, 0.0
    with candidate(content) as path, torch.no_grad():
        predictor = NumberPredictor(path)
        for some in pages:
            expected, found = graph(torch.tensor(some)), predictor.run(some)
            lattices = torch.tensor(np.stack(found.lattices))
            for one, other in (
                (expected.probabilities, lattices),
                (expected.is_number, torch.tensor(found.is_number)),
            ):
                largest = max(largest, float((one - other).abs().max()))
            texts = zip(read_greedily(expected.probabilities), read_greedily(lattices), strict=True)
            different += sum(one != other for one, other in texts)
    parity = Parity(sum(map(len, pages)), different, largest)
    parity.require()
    return parity


def number_graph(trained: TrainedNetwork) -> NumberGraph:
    """Page -> answer, by the weights as the file will hold them."""
    return NumberGraph(round_weights(trained.network), temperature=trained.temperature).eval()
