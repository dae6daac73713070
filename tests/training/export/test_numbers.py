"""The exported graph for numbers: any size and batch, its manifest, and the comparison with torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime
import pytest

from number_prediction.constants import GLYPHS, LINE_HEIGHT, LINE_WIDTH
from number_prediction.errors import ModelError
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.runs.run import Run
from number_prediction.training.export import numbers as numbers_export
from number_prediction.training.loop.trained import load_trained
from tests.helpers.number_training import LINES, STEPS, few_lines


@pytest.fixture(autouse=True)
def _few_lines() -> Iterator[None]:
    with few_lines():
        yield


@pytest.fixture(scope="module")
def numbers(number_run: Run) -> NumberPredictor:
    return NumberPredictor(number_run.folder)


def test_the_file_answers_pages_of_any_size_and_batch(number_run: Run) -> None:
    session = onnxruntime.InferenceSession(number_run.model_path)
    assert [(each.name, each.shape) for each in session.get_inputs()] == [
        ("page", ["batch", "height", "width"])
    ]
    random = np.random.default_rng(0)
    for shape in ((1, 1, 1), (3, 3, 200), (2, 120, 500), (1, 28, 28)):
        pages = random.integers(0, 256, shape, np.uint8)
        frame, probabilities, place, is_number = session.run(None, {"page": pages})
        assert frame.shape == (shape[0], LINE_HEIGHT, LINE_WIDTH)
        assert probabilities.shape == (shape[0], STEPS, len(GLYPHS))
        np.testing.assert_allclose(probabilities.sum(2), 1, atol=1e-5)
        assert place.shape == (shape[0], 3)
        assert np.isfinite(place).all()
        assert is_number.shape == (shape[0],)
        assert ((is_number >= 0) & (is_number <= 1)).all()
        alone = session.run(None, {"page": pages[-1:]})
        for together, one in zip((frame, probabilities, place, is_number), alone, strict=True):
            np.testing.assert_allclose(together[-1:], one, atol=1e-4)


def test_the_manifest_says_what_it_reads(numbers: NumberPredictor) -> None:
    manifest = numbers.manifest
    assert manifest is not None
    assert tuple(manifest["classes"]) == GLYPHS
    assert list(manifest["outputs"]) == ["frame", "probabilities", "place", "is_number"]
    assert manifest["parity"]["different_labels"] == 0
    assert manifest["training"]["recipe"]["lines"]["signs"] == LINES.signs


def test_a_file_that_answers_otherwise_is_not_exported(number_run: Run) -> None:
    trained = load_trained(number_run)
    list(trained.network.parameters())[-1].data[3] += 0.01
    with pytest.raises(ModelError, match="disagree"):
        numbers_export.check_content(number_run.model_path.read_bytes(), trained)
