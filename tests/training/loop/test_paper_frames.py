"""From crops and plain pages to frames of ink and paper, and the reader that learns from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from number_prediction.constants import NOT_A_DIGIT
from number_prediction.datasets.split import Splits
from number_prediction.digits.drawing import draw_seen
from number_prediction.digits.predictor import PAPER, Predictor
from number_prediction.errors import TrainingError
from number_prediction.evaluation.network import Network
from number_prediction.runs.run import Run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export.digits import check_content, round_ink, to_onnx
from number_prediction.training.finetuning.weights import open_model
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.paper_frames import compose_frames, frame_plain
from number_prediction.training.loop.trained import TrainedNetwork, build_network
from number_prediction.training.networks.ink import InkNet
from number_prediction.training.recipes import get_recipe
from number_prediction.training.synthesis.crops import CropComposer, CropRecipe, make_crop_composer
from tests.training.graph.test_ink_frames import DarkIsInk


@pytest.fixture(scope="module")
def composer(mnist: Splits) -> CropComposer:
    return make_crop_composer(mnist.train.select(slice(0, 200)), {}, CropRecipe(), seed=3)


@pytest.fixture(scope="module")
def reader() -> TrainedNetwork:
    """Of random weights."""
    torch.manual_seed(0)
    network = build_network(get_recipe("paper"), 11, torch.tensor(0.2), torch.tensor(0.3)).eval()
    with torch.no_grad():
        network.ink.last.bias[:4] = 1  # else it finds no ink anywhere
    return TrainedNetwork(
        network=network,
        temperature=1.2,
        threshold=0.5,
        classes=(*map(str, range(10)), NOT_A_DIGIT),
        steps=1,
        seconds=1.0,
    )


def test_crops_become_frames_with_labels(composer: CropComposer) -> None:
    frames = compose_frames(composer, DarkIsInk(), 96, threads=1)
    assert 0 < len(frames) <= 96
    assert frames.images.shape[1:] == (2, 28, 28)
    assert frames.classes[-1] == NOT_A_DIGIT
    assert np.asarray(frames.images)[:, 0].max((1, 2)).min() == 255


def test_plain_pages_keep_their_labels(composer: CropComposer, mnist: Splits) -> None:
    split = mnist.train.select(slice(0, 200))
    framed = frame_plain(composer, split, InkNet().eval())
    assert {"mnist", "writings", "signs"} <= set(framed)
    assert set(np.unique(framed["signs"].labels)) <= {10}


def test_ink_alone_is_seen_on_clean_paper(reader: TrainedNetwork) -> None:
    ink = torch.rand(3, 28, 28)
    with torch.no_grad():
        alone = reader.network(ink)
        both = reader.network(torch.stack([ink, (ink + 1) / 3], 1))
    torch.testing.assert_close(alone, both)


@pytest.fixture(scope="module")
def content(reader: TrainedNetwork) -> bytes:
    """Its file."""
    rounded = round_ink(reader)
    return to_onnx(rounded.graph(), rounded.names)


def test_its_file_answers_as_torch_does_and_is_opened_again(
    reader: TrainedNetwork, content: bytes, tmp_path: Path
) -> None:
    reader = round_ink(reader)
    pages = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    assert check_content(content, reader, pages=pages).different_labels == 0
    path = tmp_path / "paper.onnx"
    path.write_bytes(content)
    predictor = Predictor(path)
    (explained,) = predictor.predict_digits([np.full((120, 60), 255, np.uint8)], explain=True)
    assert explained.beside is not None
    assert explained.beside.shape == (2, 96, 48)
    assert draw_seen(explained).mode == "RGB"
    frames = np.random.default_rng(0).random((3, 28, 28), np.float32)
    with torch.no_grad():
        logits = reader.network(torch.tensor(frames)) / reader.temperature
    expected = torch.softmax(logits[:, :-1], 1).numpy()
    np.testing.assert_allclose(Network(predictor).probabilities(frames), expected, atol=1e-5)
    assert PAPER not in [each.name for each in Network(predictor).with_layers().graph.input]
    opened = open_model(predictor)
    assert opened.recipe.name == "paper"
    for name, weights in opened.trained.network.state_dict().items():
        if name.startswith("ink.last"):
            torch.testing.assert_close(weights, reader.network.state_dict()[name])
    again = tmp_path / "again.onnx"
    again.write_bytes(opened.to_onnx(opened.trained))
    np.testing.assert_array_equal(
        Predictor(again).run(pages).probabilities, predictor.run(pages).probabilities
    )


def test_the_file_holds_the_ink_network_in_a_byte_a_weight(reader: TrainedNetwork, content: bytes) -> None:
    tensors = onnx.load_from_string(content).graph.initializer
    packed = sum(len(each.raw_data) for each in tensors if each.data_type == onnx.TensorProto.INT8)
    weights = sum(each.numel() for each in reader.network.ink.parameters())
    assert 0.97 * weights < packed <= weights


def test_both_networks_are_trained_one_after_the_other(mnist: Splits, tmp_path: Path) -> None:
    splits = mnist._replace(
        train=mnist.train.select(slice(0, 300)), validation=mnist.validation.select(slice(0, 100))
    )
    crops = CropRecipe(epoch=128)
    ink = replace(get_recipe("ink"), epochs=1, min_batches=0, batch_size=16, crops=crops, validations=1)
    for _ in fit(start_run(ink, tmp_path / "ink", threads=1), splits):
        pass
    paper = replace(get_recipe("paper"), epochs=1, min_batches=2, paper=crops, validations=1)
    with pytest.raises(TrainingError, match="--ink"):
        list(fit(start_run(paper, tmp_path / "without", threads=1), splits))
    run = start_run(paper, tmp_path / "paper", threads=1, ink=tmp_path / "ink")
    records = list(fit(run, splits))
    assert records[-1].step == records[-1].steps
    assert Run(run.folder).settings().ink == str((tmp_path / "ink").resolve())
