"""A network for numbers -> its ONNX file, which answers like torch.

The parity check compares both on composed lines and on pictures of odd sizes.
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
from number_prediction.training.loop.trained import TrainedNetwork
from number_prediction.training.synthesis.glyphs import LineRecipe
from number_prediction.training.synthesis.lines import make_composer

PARITY_LINES_PER_WIDTH = 100
"""Composed lines compared for each of PARITY_WIDTHS_PX."""
PARITY_WIDTHS_PX = (64, 160, LINE_WIDTH)
_PARITY_GLYPHS = LineRecipe(writings=60, signs=120)
"""A few glyphs of each kind for composing these lines."""


def to_onnx(graph: NumberGraph) -> bytes:
    """Convert a number graph to an ONNX file."""
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
    """Compare torch and ONNX Runtime; raises ModelError if they disagree."""
    graph = number_graph(trained)
    composer = make_composer(load_mnist().validation, _PARITY_GLYPHS, seed=0)
    random = np.random.default_rng(0)
    pages = [random.integers(0, 256, (3, *shape), np.uint8) for shape in ODD_SHAPES]
    for number, width in enumerate(PARITY_WIDTHS_PX):
        pages.append(composer.draw(number, PARITY_LINES_PER_WIDTH, width)[0])
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
    """The number graph with the rounded weights that the file will hold."""
    return NumberGraph(round_weights(trained.network), temperature=trained.temperature).eval()
