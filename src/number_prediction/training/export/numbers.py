"""A network for numbers -> its ONNX file, which answers like torch.

The parity check compares both on composed lines and on pictures of odd sizes.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH, PAPER_LINE_HEIGHT
from number_prediction.datasets.mnist import load_mnist
from number_prediction.images.decode import Page
from number_prediction.numbers.predictor import GLYPHS_KEY, OUTPUTS, NumberPredictor
from number_prediction.training.export.onnx_files import (
    ODD_SHAPES,
    PROBABILITY_TOLERANCE,
    Parity,
    candidate,
    convert,
)
from number_prediction.training.export.packing import pack, round_weights
from number_prediction.training.graph.ink_frames import LineReader
from number_prediction.training.graph.number_graph import NumberGraph
from number_prediction.training.graph.paper_number_graph import PaperNumberGraph
from number_prediction.training.loop.ctc import read_greedily
from number_prediction.training.loop.trained import TrainedNetwork
from number_prediction.training.synthesis.glyphs import LineRecipe
from number_prediction.training.synthesis.lines import make_composer
from number_prediction.training.synthesis.paper_lines.lines import LinePictures, make_paper_composer

PARITY_LINES_PER_WIDTH = 100
"""Composed lines compared for each of PARITY_WIDTHS_PX."""
PARITY_WIDTHS_PX = (64, 160, LINE_WIDTH)
PAPER_TOLERANCE = 1e-3
"""Largest difference of two probabilities that a reader of lines on paper gives: rounding goes through two
networks, and through the place that the first one finds."""
_PARITY_GLYPHS = LineRecipe(writings=60, signs=120)
"""A few glyphs of each kind for composing these lines."""


def to_onnx(graph: NumberGraph | PaperNumberGraph) -> bytes:
    """Convert a number graph to an ONNX file."""
    return pack(convert(graph, OUTPUTS, {GLYPHS_KEY: GLYPHS}))


def describe_outputs(trained: TrainedNetwork) -> dict[str, str]:
    """Shapes and ranges of the outputs, for the manifest."""
    is_paper = isinstance(trained.network, LineReader)
    frame = f"{PAPER_LINE_HEIGHT}, width" if is_paper else f"{LINE_HEIGHT}, {LINE_WIDTH}"
    return {
        "frame": f"(batch, {frame}) float32 in [0, 1]",
        "probabilities": f"(batch, steps, {len(GLYPHS)}) float32: blank, then {' '.join(GLYPHS[1:])}",
        "place": "(batch, 3) float32, on the page: left and top of the frame, side of one of its pixels",
        "is_number": "(batch) float32 in [0, 1]: that no letter stands on the line",
    }


def check_content(content: bytes, trained: TrainedNetwork) -> Parity:
    """Compare torch and ONNX Runtime; raises ModelError if they disagree."""
    graph = number_graph(trained)
    random = np.random.default_rng(0)
    pages: list[Page] = [
        page for shape in ODD_SHAPES for page in random.integers(0, 256, (3, *shape), np.uint8)
    ]
    is_paper = isinstance(trained.network, LineReader)
    pages += _compose_on_paper() if is_paper else _compose_lines()
    different, largest = 0, 0.0
    with candidate(content) as path, torch.no_grad():
        found = NumberPredictor(path).run(pages)
        for page, lattice, is_number in zip(pages, found.lattices, found.is_number, strict=True):
            expected = graph(torch.tensor(page).unsqueeze(0))
            shown = torch.tensor(lattice[: expected.probabilities.shape[1]]).unsqueeze(0)
            difference = float((expected.probabilities - shown).abs().max())
            largest = max(largest, difference, abs(float(expected.is_number) - float(is_number)))
            different += read_greedily(expected.probabilities) != read_greedily(shown)
    parity = Parity(len(pages), different, largest)
    parity.require(PAPER_TOLERANCE if is_paper else PROBABILITY_TOLERANCE)
    return parity


def _compose_lines() -> list[Page]:
    composer = make_composer(load_mnist().validation, _PARITY_GLYPHS, seed=0)
    return [
        page
        for number, width in enumerate(PARITY_WIDTHS_PX)
        for page in composer.draw(number, PARITY_LINES_PER_WIDTH, width)[0]
    ]


def _compose_on_paper() -> list[Page]:
    pictures = LinePictures(make_paper_composer(load_mnist().validation, {}, seed=0), 0)
    return [line.page for line in islice(pictures, PARITY_LINES_PER_WIDTH)]


def number_graph(trained: TrainedNetwork) -> NumberGraph | PaperNumberGraph:
    """The number graph with the rounded weights that the file will hold."""
    rounded = round_weights(trained.network)
    if isinstance(rounded, LineReader):
        return PaperNumberGraph(rounded, temperature=trained.temperature).eval()
    return NumberGraph(rounded, temperature=trained.temperature).eval()
