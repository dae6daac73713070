"""Saliency: known weights are found, integrated gradients add up, and real maps beat random order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import TrainingError
from number_prediction.evaluation.network import Network
from number_prediction.evaluation.saliency import (
    INK_SHARES,
    Faithfulness,
    SaliencyMethod,
    measure_faithfulness,
    occlusion,
    random_saliency,
)
from number_prediction.runs.run import Run
from number_prediction.training.attribution import integrated_gradients
from number_prediction.training.loop.trained import load_trained
from tests.conftest import save_perceptron

FOR, AGAINST = (10, 8), (20, 19)


@pytest.fixture(scope="module")
def two_pixels(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Two classes, told apart by two pixels: ink at FOR speaks for the second, ink at AGAINST against it."""
    weights = np.zeros((2, 28, 28), np.float32)
    weights[1][FOR], weights[1][AGAINST] = 4, -2
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    return Network(Predictor(save_perceptron(path, [weights.reshape(2, -1)], ("a", "b"))))


@pytest.fixture(scope="module")
def network(small_run: Run) -> Network:
    return Network(Predictor(small_run.folder))


@pytest.fixture(scope="module")
def gradients(small_run: Run) -> SaliencyMethod:
    return integrated_gradients(small_run)


@pytest.fixture(scope="module")
def frames(mnist: Splits) -> NDArray[np.float32]:
    return mnist.test.images[:60].astype(np.float32) / 255


@pytest.fixture(scope="module")
def answers(network: Network, frames: NDArray[np.float32]) -> NDArray[np.intp]:
    return network.probabilities(frames).argmax(1)


def test_occlusion_finds_the_ink_that_decides(two_pixels: Network) -> None:
    frame = np.full((1, 28, 28), 0.5, np.float32)
    (found,) = occlusion(two_pixels)(frame, np.array([1]))
    (other,) = occlusion(two_pixels)(frame, np.array([0]))
    assert found.shape == (28, 28)
    assert found.dtype == np.float32
    assert found.argmax() == np.ravel_multi_index(FOR, found.shape)
    assert found[AGAINST] < 0 < other[AGAINST]
    assert other[FOR] < 0
    near = np.zeros((28, 28), bool)  # covered by a patch that covers a pixel that decides
    for row, column in (FOR, AGAINST):
        near[row - 4 : row + 5, column - 4 : column + 5] = True
    assert (found[~near] == 0).all()


def test_occlusion_of_a_corner_is_found_too(two_pixels: Network) -> None:
    frame = np.zeros((1, 28, 28), np.float32)
    frame[0, 27, 0] = frame[0][FOR] = 1
    found = occlusion(two_pixels)(frame, np.array([1]))
    assert found[0][FOR] > 0
    assert found[0, 24:, :4] == pytest.approx(0)


def test_a_blank_frame_has_nothing_to_show(
    network: Network, gradients: SaliencyMethod, frames: NDArray[np.float32], answers: NDArray[np.intp]
) -> None:
    mixed, targets = np.concatenate([frames[:1] * 0, frames[:1]]), answers[[0, 0]]
    for maps in (occlusion(network)(mixed, targets), gradients(mixed, targets)):
        assert (maps[0] == 0).all()
        assert np.abs(maps[1]).max() > 0
    curves = measure_faithfulness(network, mixed[:1], targets[:1], random_saliency(mixed[:1], targets[:1]))
    blank = network.probabilities(mixed[:1])[0, targets[0]]
    assert curves.deletion == pytest.approx(blank)
    assert curves.insertion == pytest.approx(blank)


def test_integrated_gradients_add_up_to_what_the_ink_added(
    small_run: Run, gradients: SaliencyMethod, frames: NDArray[np.float32], answers: NDArray[np.intp]
) -> None:
    maps = gradients(frames, answers)
    assert maps.shape == frames.shape
    assert maps.dtype == np.float32
    assert (maps[frames == 0] == 0).all()
    with torch.no_grad():
        network = load_trained(small_run).network
        with_ink = network(torch.tensor(frames)).numpy()[np.arange(len(frames)), answers]
        blank = network(torch.zeros(1, 28, 28)).numpy()[0, answers]
    difference = np.abs(maps.sum((1, 2)) - (with_ink - blank))
    assert difference.mean() < 0.02 * np.abs(with_ink - blank).mean()
    assert difference.max() < 0.1 * np.abs(with_ink - blank).mean()


def test_real_maps_beat_random_order(
    network: Network, gradients: SaliencyMethod, frames: NDArray[np.float32], answers: NDArray[np.intp]
) -> None:
    random = measure_faithfulness(network, frames, answers, random_saliency(frames, answers))
    for maps in (occlusion(network)(frames, answers), gradients(frames, answers)):
        curves = measure_faithfulness(network, frames, answers, maps)
        opposite = measure_faithfulness(network, frames, answers, -maps)
        assert curves.deletion_area < random.deletion_area - 0.1
        assert curves.insertion_area > random.insertion_area + 0.05
        assert opposite.deletion_area > random.deletion_area
        assert opposite.insertion_area < random.insertion_area


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=20)
def test_any_order_begins_and_ends_alike(two_pixels: Network, seed: int) -> None:
    generator = np.random.default_rng(seed)
    frames = generator.random((3, 28, 28), np.float32) * (generator.random((3, 28, 28)) < 0.3)
    targets = generator.integers(0, 2, 3)
    curves = measure_faithfulness(two_pixels, frames, targets, random_saliency(frames, targets, seed=seed))
    whole = two_pixels.probabilities(frames)[np.arange(3), targets].mean()
    assert curves.deletion[0] == pytest.approx(whole)
    assert curves.insertion[-1] == pytest.approx(whole)
    assert curves.deletion[-1] == curves.insertion[0] == pytest.approx(0.5)
    assert 0 <= curves.deletion_area <= 1
    assert 0 <= curves.insertion_area <= 1


def test_the_first_share_takes_the_pixels_of_the_map_s_top(two_pixels: Network) -> None:
    frame = np.zeros((1, 28, 28), np.float32)
    frame[0, 10, :10] = 1  # ten pixels of ink, FOR among them
    targets, best, worst = np.array([1]), np.zeros((1, 28, 28), np.float32), np.zeros((1, 28, 28), np.float32)
    best[0][FOR], worst[0][FOR] = 1, -1
    best[0, 0, 0] = worst[0, 0, 0] = 9  # paper, which is never deleted
    sure, unsure = 1 / (1 + np.exp(-4)), 0.5
    found = measure_faithfulness(two_pixels, frame, targets, best)
    assert found.deletion == pytest.approx([sure, *[unsure] * 10])
    assert found.insertion == pytest.approx([unsure, *[sure] * 10])
    found = measure_faithfulness(two_pixels, frame, targets, worst)
    assert found.deletion == pytest.approx([*[sure] * 10, unsure])
    assert found.insertion == pytest.approx([*[unsure] * 10, sure])


def test_areas_of_straight_lines() -> None:
    found = Faithfulness(INK_SHARES, 1 - INK_SHARES, np.full(len(INK_SHARES), 0.7))
    assert found.deletion_area == pytest.approx(0.5)
    assert found.insertion_area == pytest.approx(0.7)


def test_random_maps_come_from_their_seed(frames: NDArray[np.float32], answers: NDArray[np.intp]) -> None:
    first, again, other = (random_saliency(frames, answers, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_an_unfinished_run_has_no_gradients(tmp_path: Path, small_run: Run) -> None:
    (tmp_path / "run.json").write_bytes(small_run.settings_path.read_bytes())
    with pytest.raises(TrainingError, match="checkpoint"):
        integrated_gradients(Run(tmp_path))
