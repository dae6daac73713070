"""Weights that take a byte each: what a packed file answers, and how large it is."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from number_prediction.training.export.onnx_files import convert
from number_prediction.training.export.packing import pack, round_weights
from number_prediction.training.networks.blocks import conv_block


class Graph(nn.Module):
    """A page through two blocks of convolutions, large and small, and one over columns."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(1, 16), conv_block(16, 32, pool=True), conv_block(32, 8, stride=2)
        )
        self.columns = nn.Conv1d(8, 200, 3, padding=1)

    def forward(self, page: Tensor) -> Tensor:  # (N, H, W) uint8 -> (N, 200, W / 4)
        features: Tensor = self.layers(page.unsqueeze(1).to(torch.float32) / 255)
        columns: Tensor = self.columns(features.mean(2))
        return columns


def used(seed: int = 0) -> Graph:
    """A graph whose batch normalisation has seen something, with one channel that is dead."""
    torch.manual_seed(seed)
    graph = Graph()
    for _ in range(3):
        graph(torch.randint(0, 256, (8, 24, 20), dtype=torch.uint8))
    graph.columns.weight.data[5] = 0
    return graph


def run(content: bytes, pages: NDArray[np.uint8]) -> NDArray[np.float32]:
    (answer,) = onnxruntime.InferenceSession(content).run(None, {"page": pages})
    return np.asarray(answer)


def test_rounded_weights_answer_nearly_the_same_and_leave_the_network_as_it_was() -> None:
    graph = used()
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    rounded = round_weights(graph)
    pages = torch.randint(0, 256, (4, 24, 20), dtype=torch.uint8)
    with torch.no_grad():
        answer, expected = rounded(pages), graph.eval()(pages)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in rounded.layers[0])  # type: ignore[index, union-attr]
    difference = float((answer - expected).abs().max())
    assert 0 < difference < 0.03 * float(expected.abs().max())
    assert all(torch.equal(value, before[name]) for name, value in graph.state_dict().items())


def test_a_packed_file_is_a_quarter_as_large_and_answers_as_its_network() -> None:
    rounded = round_weights(used())
    content = convert(rounded, ("columns",), {"said": "here"})
    packed = pack(content)
    weights = sum(each.numel() for each in rounded.parameters())
    assert len(content) - len(packed) > 2.5 * weights
    pages = np.random.default_rng(0).integers(0, 256, (4, 24, 20), np.uint8)
    with torch.no_grad():
        expected = rounded(torch.tensor(pages)).numpy()
    np.testing.assert_allclose(run(packed, pages), expected, atol=1e-5)
    metadata = onnxruntime.InferenceSession(packed).get_modelmeta().custom_metadata_map
    assert metadata == {"said": '"here"'}


def test_weights_that_were_not_rounded_stay_as_they_are() -> None:
    graph = used().eval()
    content = convert(graph, ("columns",), {})
    pages = np.random.default_rng(0).integers(0, 256, (2, 24, 20), np.uint8)
    np.testing.assert_array_equal(run(pack(content), pages), run(content, pages))
