"""DigitClassifier as scikit-learn's tools and a user's pictures meet it."""

from __future__ import annotations

import importlib
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from number_prediction.datasets.split import Splits
from number_prediction.errors import MissingExtraError, TrainingError
from number_prediction.sklearn import DigitClassifier

SMALL = DigitClassifier(recipe="mlp", epochs=8, batch_size=16, threads=1, random_state=0)
"""Trained in a moment, on the few hundred samples of scikit-learn's checks too."""
NOT_CLAIMED = {"check_array_api_input"}
"""Arrays of other libraries on their devices; scikit-learn itself skips this check unless told otherwise."""


def _checks() -> list[Any]:
    """Each check of scikit-learn's check_estimator, none of which is expected to fail."""
    pairs = list(estimator_checks_generator(SMALL))
    names = [getattr(check, "func", check).__name__ for _, check in pairs]
    assert set(names) >= NOT_CLAIMED
    return [
        pytest.param(*pair, id=f"{number}-{name}")
        for number, (pair, name) in enumerate(zip(pairs, names, strict=True))
        if name not in NOT_CLAIMED
    ]


@pytest.mark.parametrize(("estimator", "check"), _checks())
def test_conforms_to_scikit_learn(estimator: DigitClassifier, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def sample(mnist: Splits) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """3,000 frames (N, 28, 28) with their labels."""
    return np.asarray(mnist.train.images[:3000]), mnist.train.labels[:3000]


@pytest.fixture(scope="module")
def unseen(mnist: Splits) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.asarray(mnist.test.images[:500]), mnist.test.labels[:500]


@pytest.fixture(scope="module")
def fitted(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> DigitClassifier:
    frames, labels = sample
    return DigitClassifier("cnn", epochs=3, threads=1, random_state=0).fit(frames.reshape(-1, 784), labels)


def test_learns(fitted: DigitClassifier, unseen: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = unseen
    assert fitted.score(frames.reshape(-1, 784), labels) > 0.9
    assert fitted.n_features_in_ == 784
    assert fitted.classes_.tolist() == list(range(10))
    assert fitted.history_[-1].validation_accuracy > 0.9


@pytest.mark.parametrize(
    "shaped",
    [
        pytest.param(lambda frames: frames, id="frames"),
        pytest.param(lambda frames: frames[:, None], id="with a channel"),
        pytest.param(lambda frames: frames.reshape(-1, 784).tolist(), id="lists"),
        pytest.param(lambda frames: frames.reshape(-1, 784).astype(np.float64), id="floats"),
        pytest.param(lambda frames: pd.DataFrame(frames.reshape(-1, 784)), id="pandas frame"),
        pytest.param(torch.tensor, id="tensor"),
    ],
)
def test_same_pixels_give_same_answers(
    fitted: DigitClassifier,
    unseen: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    shaped: Callable[[NDArray[np.uint8]], Any],
) -> None:
    frames = unseen[0][:50]
    np.testing.assert_allclose(
        fitted.predict_proba(shaped(frames)), fitted.predict_proba(frames.reshape(-1, 784)), atol=1e-6
    )


def _photograph(frame: NDArray[np.uint8], size: int = 100) -> Image.Image:
    """A digit, dark on a light page, off its middle."""
    page = Image.new("L", (size, size + 20), 235)
    page.paste(
        ImageOps.invert(Image.fromarray(frame)).resize((56, 56)).point(lambda grey: grey * 235 // 255),
        (30, 10),
    )
    return page


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(list, id="list"),
        pytest.param(lambda pages: [_photograph_of_size(each) for each in pages], id="of different sizes"),
        pytest.param(lambda pages: np.stack([np.asarray(each) for each in pages]), id="array"),
        pytest.param(lambda pages: np.stack([np.asarray(each.convert("RGB")) for each in pages]), id="RGB"),
        pytest.param(pd.Series, id="series"),
    ],
)
def test_pictures_are_framed(
    fitted: DigitClassifier,
    unseen: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    given: Callable[[list[Image.Image]], Any],
) -> None:
    frames, labels = unseen
    pages = [_photograph(frame) for frame in frames[:60]]
    assert np.mean(fitted.predict(given(pages)) == labels[:60]) > 0.85


def _photograph_of_size(page: Image.Image) -> Image.Image:
    number = int(np.asarray(page).sum()) % 3
    return ImageOps.expand(page, border=10 * number, fill=235)


def test_reads_files(fitted: DigitClassifier) -> None:
    examples = Path(__file__).parents[2] / "examples"
    names = ["seven.png", "three.png", "five.png"]
    as_text = [str(examples / name) for name in names]
    paths = [examples / name for name in names]
    assert fitted.predict(as_text).tolist() == [7, 3, 5]
    assert fitted.predict(np.array(paths, object)).tolist() == [7, 3, 5]


def test_fits_pictures(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    photographs = [_photograph(frame) for frame in frames[:400]]
    classifier = DigitClassifier("mlp", epochs=10, batch_size=32, threads=1, random_state=0)
    classifier.fit(photographs, labels[:400])
    assert classifier.n_features_in_ == 784
    assert classifier.score(photographs, labels[:400]) > 0.85
    assert classifier.score(frames[:400], labels[:400]) > 0.8


def test_labels_may_be_anything(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    words = np.where(labels[:600] % 2, "odd", "none")  # "none" is a class of its own elsewhere in the package
    classifier = clone(SMALL).fit(frames[:600], words)
    assert classifier.classes_.tolist() == ["none", "odd"]
    assert classifier.score(frames[:600], words) > 0.9
    truth = clone(SMALL).fit(frames[:600], words == "odd").predict(frames[:20])
    assert truth.dtype == bool


def test_pandas_names_columns(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    table = pd.DataFrame(frames[:300].reshape(-1, 784)).add_prefix("pixel")
    classifier = clone(SMALL).fit(table, pd.Series(labels[:300]))
    assert classifier.feature_names_in_[0] == "pixel0"
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(table.rename(columns={"pixel0": "label"}))


def test_other_sizes_are_resized() -> None:
    digits = load_digits()
    classifier = clone(SMALL).fit(digits.data[:1200], digits.target[:1200])
    assert classifier.score(digits.data[1200:], digits.target[1200:]) > 0.85


def test_works_in_tools_of_scikit_learn(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    table = frames[:900].reshape(-1, 784)
    pipeline = make_pipeline(StandardScaler(), SMALL)
    assert cross_val_score(pipeline, table, labels[:900], cv=3).mean() > 0.75
    search = GridSearchCV(SMALL, {"epochs": [0.1, 8]}, cv=2).fit(frames[:900], labels[:900])
    assert search.best_params_ == {"epochs": 8}
    assert search.score(frames[900:1500], labels[900:1500]) > 0.75


def test_pictures_are_divided_into_folds(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    photographs = [_photograph(frame) for frame in frames[:300]]
    assert cross_val_score(SMALL, photographs, labels[:300], cv=2).min() > 0.5


def test_pickles(fitted: DigitClassifier, unseen: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(unseen[0]), fitted.predict_proba(unseen[0]))


def test_clone_is_not_fitted(fitted: DigitClassifier) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(np.zeros((1, 784)))


def test_random_state_decides(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample

    def answer(random_state: Any) -> NDArray[np.float64]:
        classifier = clone(SMALL).set_params(random_state=random_state)
        return classifier.fit(frames[:300], labels[:300]).predict_proba(frames[300:400])

    np.testing.assert_array_equal(answer(3), answer(3))
    np.testing.assert_array_equal(answer(np.random.RandomState(3)), answer(np.random.RandomState(3)))
    assert not np.array_equal(answer(3), answer(4))


def test_probabilities_are_calibrated_on_pictures_left_out(
    sample: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    frames, labels = sample
    assert clone(SMALL).fit(frames[:300], labels[:300]).network_.temperature != 1
    everything = clone(SMALL).set_params(validation_fraction=0)
    assert everything.fit(frames[:300], labels[:300]).network_.temperature == 1


def test_leaves_no_files(
    sample: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, labels = sample
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    clone(SMALL).fit(frames[:100], labels[:100])
    assert list(tmp_path.iterdir()) == []


def test_says_how_it_goes(
    sample: tuple[NDArray[np.uint8], NDArray[np.uint8]], capsys: pytest.CaptureFixture[str]
) -> None:
    frames, labels = sample
    clone(SMALL).fit(frames[:100], labels[:100])
    assert capsys.readouterr().out == ""
    clone(SMALL).set_params(verbose=True).fit(frames[:100], labels[:100])
    assert "epoch 8.00: accuracy " in capsys.readouterr().out


def test_ctrl_c_ends_a_search_too(sample: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    frames, labels = sample
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(clone(SMALL).set_params(epochs=100_000), frames, labels, cv=2)
    timer.join()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"recipe": "vgg"}, TrainingError, "mlp, cnn"),
        ({"recipe": "handwriting"}, ValueError, "choose fast, mlp, cnn"),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate is -1.0"),
        ({"validation_fraction": 1}, ValueError, "validation_fraction is 1"),
    ],
)
def test_refuses_parameters(
    sample: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    parameters: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        clone(SMALL).set_params(**parameters).fit(sample[0][:100], sample[1][:100])


def test_refuses_one_class_and_values_of_a_regression() -> None:
    frames = np.zeros((600, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="one class only"):
        clone(SMALL).fit(frames, np.zeros(600))
    with pytest.raises(ValueError, match="holds 300 classes"):
        clone(SMALL).fit(frames, np.arange(600) // 2)


def test_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("number_prediction.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)  # as if it were not installed
    with pytest.raises(MissingExtraError, match=r"number-prediction\[train\]"):
        importlib.import_module("number_prediction.sklearn")


def test_pictures_do_not_fit_other_tables() -> None:
    digits = load_digits()
    classifier = clone(SMALL).set_params(epochs=0.1).fit(digits.data, digits.target)
    with pytest.raises(ValueError, match="a table of 64 columns"):
        classifier.predict([Image.new("L", (50, 50))])
