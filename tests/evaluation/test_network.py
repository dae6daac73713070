"""The network cut out of a graph answers as the graph does, and shows its layers and its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ModelError
from number_prediction.evaluation.network import Network
from number_prediction.runs.run import Run
from number_prediction.training.loop.trained import load_trained
from tests.conftest import save_perceptron

DIGITS = tuple("0123456789")


@pytest.mark.parametrize("count", [1, 100, 250])
def test_it_answers_as_the_whole_graph(small_run: Run, mnist: Splits, count: int) -> None:
    predictor = Predictor(small_run.folder)
    answer = predictor.run(mnist.test.images[:count])
    found = Network(predictor).probabilities(answer.frames)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, answer.probabilities, atol=1e-6)


def test_no_frames_get_no_answers(predictor: Predictor) -> None:
    assert Network(predictor).probabilities(np.empty((0, 28, 28), np.float32)).shape == (0, 10)


def test_feature_maps_are_what_the_blocks_of_the_network_put_out(small_run: Run, mnist: Splits) -> None:
    frame = mnist.test.images[0].astype(np.float32) / 255
    normalization, cnn = load_trained(small_run).network
    expected = []
    with torch.no_grad():
        values = normalization(torch.tensor(frame)[None])
        for block in cnn.layers[:4]:
            values = block(values)
            expected.append(values[0].numpy())
    maps = Network(Predictor(small_run.folder)).feature_maps(frame)
    assert [layer.shape for layer in maps] == [(16, 14, 14), (32, 7, 7), (64, 3, 3), (128, 3, 3)]
    for found, wanted in zip(maps, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_filters_are_the_weights_of_the_first_layer(small_run: Run) -> None:
    """But for a factor that the batch normalisation behind it has brought into the file."""
    weights = next(p for p in load_trained(small_run).network.parameters() if p.ndim == 4)
    filters = Network(Predictor(small_run.folder)).first_layer_filters()
    assert filters is not None
    assert filters.shape == weights[:, 0].shape
    for found, wanted in zip(filters, weights[:, 0].detach().numpy(), strict=True):
        likeness = (found * wanted).sum() / np.linalg.norm(found) / np.linalg.norm(wanted)
        assert abs(likeness) == pytest.approx(1, abs=1e-5)


def test_residual_blocks_are_layers_too(predictor: Predictor, mnist: Splits) -> None:
    frame = mnist.test.images[0].astype(np.float32) / 255
    shapes = [layer.shape for layer in Network(predictor).feature_maps(frame)]
    assert shapes == [(40, 14, 14)] * 3 + [(80, 7, 7)] * 3 + [(80, 3, 3)]


@pytest.mark.parametrize("transposed", [False, True])
def test_a_perceptron_has_layers_without_place_and_filters_of_a_whole_frame(
    tmp_path: Path, transposed: bool
) -> None:
    first, second = random_weights(5, 784), random_weights(2, 5)
    path = save_perceptron(tmp_path / "model.onnx", [first, second], ("a", "b"), transposed=transposed)
    network = Network(Predictor(path))
    frame = np.random.default_rng(1).random((28, 28), np.float32)
    (hidden,) = network.feature_maps(frame)
    assert hidden.shape == (5, 1, 1)
    expected = np.maximum(first @ frame.ravel(), 0)
    np.testing.assert_allclose(hidden[:, 0, 0], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(network.first_layer_filters(), first.reshape(5, 28, 28))
    assert network.probabilities(frame[np.newaxis]).shape == (1, 2)


def test_one_layer_leaves_no_feature_maps(tmp_path: Path) -> None:
    path = save_perceptron(tmp_path / "model.onnx", [random_weights(12, 784)], (*DIGITS, "+", "-"))
    network = Network(Predictor(path))
    assert network.feature_maps(np.zeros((28, 28), np.float32)) == []
    filters = network.first_layer_filters()
    assert filters is not None
    assert filters.shape == (12, 28, 28)


def test_weights_that_are_not_laid_on_the_frame_are_no_pictures(tmp_path: Path) -> None:
    weights = [random_weights(6, 196), random_weights(10, 6)]
    network = Network(Predictor(save_perceptron(tmp_path / "model.onnx", weights, DIGITS, pooled=True)))
    assert network.first_layer_filters() is None
    assert [layer.shape for layer in network.feature_maps(np.ones((28, 28), np.float32))] == [(6, 1, 1)]


def test_a_file_that_was_altered_meanwhile_is_refused(tmp_path: Path) -> None:
    path = save_perceptron(tmp_path / "model.onnx", [random_weights(10, 784)], DIGITS)
    predictor = Predictor(path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="altered since it was loaded"):
        Network(predictor)


def random_weights(rows: int, columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, (rows, columns)).astype(np.float32)
