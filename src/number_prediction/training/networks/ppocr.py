"""PP-OCRv6's recogniser (small), as the package `rapidocr` brings it -> weights to start from, and a teacher.

Both are for training only and need the extra `teacher`. The weights are PaddlePaddle's (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper
from torch import Tensor, nn

from number_prediction.constants import GLYPHS, LETTER, OTHER_SIGN, STRUCK_OUT
from number_prediction.errors import TrainingError
from number_prediction.training.graph.line_frames import STEPS_PER_COLUMN
from number_prediction.training.networks.paper_lines import PaperLineNet

FILE = "models/PP-OCRv6_rec_small.onnx"
"""The recogniser, in the package `rapidocr`."""
SHA256 = "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"
"""Of that file in rapidocr 3.10."""
NAME = "the recogniser of PP-OCRv6 (small; PaddlePaddle, Apache-2.0), as the package rapidocr 3.10 brings it"
CLASS_COUNT = STRUCK_OUT + 1
"""Classes of a network for lines on paper: GLYPHS, letter, other sign, struck-out."""
_OTHER_SIGNS = "$%()[]=#?*€£°\u00d7"
_ALIKE = {
    ",": "\uff0c\u3001",
    ":": "\uff1a",
    ".": "·•。\uff0e",
    "-": "—\u2013\uff0dー一―\u2212",
}
"""Characters of the teacher that count for a sign of GLYPHS."""


@dataclass(frozen=True, eq=False)
class Recogniser:
    """The recogniser as it is published."""

    weights: dict[str, Tensor]
    """Names as in `PaperLineNet`; the head has all of its characters, one time step a column."""
    characters: tuple[str, ...]
    """The blank first."""

    def starting_weights(self) -> dict[str, Tensor]:
        """Weights of a `PaperLineNet` whose head knows the characters that its classes stand for."""
        places = {character: place for place, character in enumerate(self.characters)}
        rows = [0, *(places[glyph] for glyph in GLYPHS[1:])]
        letters = [places[letter] for letter in string.ascii_letters]
        others = [places[sign] for sign in _OTHER_SIGNS if sign in places]
        weight, bias = self.weights["head.weight"], self.weights["head.bias"]
        weights = [
            weight[rows],
            *(weight[some].mean(0, keepdim=True) for some in (letters, others)),
            weight.mean(0, keepdim=True),
        ]
        biases = [
            bias[rows],
            bias[letters].mean()[None] + 1,
            bias[others].mean()[None] + 1,
            bias.mean()[None],
        ]
        return {
            **self.weights,
            "head.weight": torch.cat(weights * STEPS_PER_COLUMN),
            "head.bias": torch.cat(biases * STEPS_PER_COLUMN),
        }


class Teacher:
    """Probabilities of the recogniser over the classes of a network for lines on paper."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._network = PaperLineNet(len(recogniser.characters), steps_per_column=1).eval()
        self._network.load_state_dict(recogniser.weights)
        self._classes = torch.tensor([_class_of(character) for character in recogniser.characters])

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> Tensor:
        """Read frames as `PaperLineNet` takes them: (N, columns, CLASS_COUNT), each row sums to 1."""
        with torch.autocast("cpu", torch.bfloat16):
            logits = self._network(frames)
        shares = torch.softmax(logits.float(), 2)
        return torch.zeros(*shares.shape[:2], CLASS_COUNT).index_add_(2, self._classes, shares)


def load_recogniser() -> Recogniser:
    """Read the recogniser out of the installed package `rapidocr`.

    Raises:
        TrainingError: the package is missing, or holds another file.
    """
    package = find_spec("rapidocr")  # found, not imported: only its file is needed
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0]) / FILE if folders else None
    if path is None or not path.is_file():
        raise TrainingError(
            f"{FILE} of the package rapidocr is missing; install it: pip install 'number-prediction[teacher]'"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise TrainingError(f"{FILE} of the package rapidocr is another file; install rapidocr 3.10")
    model = onnx.load_from_string(content)
    names = next(each.value for each in model.metadata_props if each.key == "character")
    characters = ("", *names.split("\n"), " ")
    return Recogniser(dict(_weights(model.graph)), characters)


def _class_of(character: str) -> int:
    if character in ("", " "):
        return 0
    for sign, alike in _ALIKE.items():
        if character in alike:
            return GLYPHS.index(sign)
    if character in GLYPHS:
        return GLYPHS.index(character)
    return LETTER if character.isalpha() else OTHER_SIGN


class _Graph:
    """The nodes of an ONNX graph with their constants."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes: Sequence[NodeProto] = graph.node
        self.constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
        self._users = {name: node for node in reversed(graph.node) for name in node.input}

    def after(self, node: NodeProto) -> NodeProto:
        """The first node that uses what a node gives."""
        following: NodeProto = self._users[node.output[0]]
        return following

    def constant(self, node: NodeProto) -> NDArray[np.float32]:
        """The one constant that a node takes."""
        return next(self.constants[name] for name in node.input if name in self.constants)


def _weights(graph: onnx.GraphProto) -> Iterator[tuple[str, Tensor]]:
    """Names and values, by the order of the layers in the file."""
    nodes = _Graph(graph)
    convolutions = (node for node in nodes.nodes if node.op_type == "Conv")
    matrices = (node for node in nodes.nodes if node.op_type == "MatMul" and node.input[1] in nodes.constants)
    norms = (node for node in nodes.nodes if node.op_type == "Sqrt")
    for name, node in zip_longest(_names(nn.Conv2d), convolutions):
        yield from _pair(name, *_convolution(nodes, node))
    for name, node in zip_longest(_names(nn.Linear), matrices):
        yield from _pair(name, nodes.constants[node.input[1]].T, nodes.constant(nodes.after(node)))
    for name, node in zip_longest(_names(nn.LayerNorm), norms):
        scaling = nodes.after(nodes.after(node))
        yield from _pair(name, nodes.constant(scaling), nodes.constant(nodes.after(scaling)))


def _names(kind: type[nn.Module]) -> Iterator[str]:
    """The layers of a kind, in the order of their use."""
    network = PaperLineNet(1)
    for name, module in network.named_modules():
        if isinstance(module, kind):
            yield name


def _pair(name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", torch.tensor(np.ascontiguousarray(weight))
    yield f"{name}.bias", torch.tensor(np.ascontiguousarray(bias).reshape(-1))


def _convolution(nodes: _Graph, node: NodeProto) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights and bias; batch normalisation behind it is taken in."""
    weight, following = nodes.constants[node.input[1]], nodes.after(node)
    if following.op_type == "Add":
        return weight, nodes.constant(following)
    scale, shift, mean, variance = (nodes.constants[name] for name in following.input[1:])
    epsilon = next(each.f for each in following.attribute if each.name == "epsilon")
    factor = scale / np.sqrt(variance + epsilon)
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor
