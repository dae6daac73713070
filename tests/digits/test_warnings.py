"""What the graph measures becomes plain warnings: they come when a person would say so, else hardly ever."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.digits.warnings import MEASURES, WARNINGS, describe, find_warnings
from number_prediction.models.model import MAX_BATCH_PIXELS

Page = NDArray[np.uint8]
SIDE = 200


def seven(*, grey: int = 0, width: int = 14, x: int = 0) -> Image.Image:
    """A 7 in the middle of a white page, or `x` pixels beside it."""
    page = Image.new("L", (SIDE, SIDE), 255)
    stroke = [(60 + x, 55), (140 + x, 55), (90 + x, 150)]
    ImageDraw.Draw(page).line(stroke, fill=grey, width=width, joint="curve")
    return page


def two_sevens() -> Image.Image:
    page = Image.new("L", (2 * SIDE, SIDE), 255)
    page.paste(seven(), (30, 0))
    page.paste(seven(x=-30), (SIDE - 10, 0))
    return page


def small_seven() -> Image.Image:
    return ImageOps.expand(seven().crop((50, 45, 150, 160)).resize((8, 9), Image.Resampling.BOX), 12, 255)


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "blank": lambda: Image.new("L", (SIDE, SIDE), 230),
    "several-marks": two_sevens,
    "touches-edge": lambda: seven(x=70),
    "thin": lambda: seven(width=1),
    "faint": lambda: seven(grey=235),
    "inverted": lambda: ImageOps.invert(seven()),
    "low-resolution": small_seven,
}


@pytest.mark.parametrize("code", PICTURES)
def test_each_warning_comes_with_its_picture_alone(predictor: Predictor, code: str) -> None:
    (answer,) = predictor.predict_digits([PICTURES[code]()])
    assert answer.warnings == (code,)
    assert answer.to_dict()["warnings"] == [{"code": code, "text": describe(code)}]


def test_a_clean_digit_has_none(predictor: Predictor) -> None:
    (answer,) = predictor.predict_digits([seven()])
    assert answer.warnings == ()
    assert answer.to_dict()["warnings"] == []


def test_of_mnist_hardly_any_picture_is_warned_of_but_as_light_on_dark(
    mnist: Splits, predictor: Predictor
) -> None:
    answers = predictor.predict_digits(mnist.test.images[:3000])
    found = [code for answer in answers for code in answer.warnings]
    assert found.count("inverted") == 3000
    for rule in WARNINGS:
        if rule.code != "inverted":
            assert found.count(rule.code) <= 0.015 * 3000, rule.code


def test_the_size_is_that_in_the_picture_however_large_it_is(predictor: Predictor) -> None:
    large = np.asarray(seven().resize((3000, 3000)))
    answer = predictor.run([np.asarray(seven()), large])
    side = answer.findings[:, predictor.measures.index("side")]
    assert side[1] == pytest.approx(15 * side[0], rel=0.03)
    assert side[0] == pytest.approx(100, abs=12)


def test_page_and_ink_come_with_an_explained_prediction_only(predictor: Predictor) -> None:
    large = np.asarray(seven().resize((1500, 1200)))
    assert large.size > MAX_BATCH_PIXELS
    pictures = [np.asarray(seven()), large, np.asarray(two_sevens()), np.asarray(seven(x=5))]
    plain = predictor.predict_digits(pictures)
    explained = predictor.predict_digits(pictures, explain=True)
    assert all(answer.page is None and answer.ink is None for answer in plain)
    for picture, answer, same in zip(pictures, explained, plain, strict=True):
        assert answer.page is not None
        assert answer.ink is not None
        np.testing.assert_array_equal(answer.page, picture)
        np.testing.assert_array_equal(answer.probabilities, same.probabilities)
        factor = -(-max(picture.shape) // 1024)
        assert answer.ink.shape == tuple(-(-length // factor) for length in picture.shape)
        assert answer.ink.dtype == np.float32
        reduced = picture[factor // 2 :: factor, factor // 2 :: factor]
        if answer.label is not None:  # of two digits, each is half meant
            assert answer.ink[: len(reduced), : reduced.shape[1]][reduced < 40].mean() > 0.7
        assert answer.ink[: len(reduced), : reduced.shape[1]][reduced > 250].mean() < 0.05


def test_predictions_become_json(predictor: Predictor) -> None:
    (answer,) = predictor.predict_digits([two_sevens()], explain=True)
    assert json.loads(json.dumps(answer.to_dict()))["warnings"][0]["code"] == "several-marks"


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({name: st.floats(0, 2000, width=32) for name in MEASURES}))
def test_warnings_stand_in_the_order_of_the_table_and_blank_alone(measured: dict[str, float]) -> None:
    found = find_warnings(measured)
    order = [rule.code for rule in WARNINGS]
    assert list(found) == sorted(found, key=order.index)
    assert ("blank" in found) == (measured["side"] < 1)
    if "blank" in found:
        assert found == ("blank",)


def test_the_table_names_measures_and_each_warning_once() -> None:
    assert {rule.measure for rule in WARNINGS} == set(MEASURES)
    assert len({rule.code for rule in WARNINGS}) == len({rule.text for rule in WARNINGS}) == len(WARNINGS)
    assert set(PICTURES) == {rule.code for rule in WARNINGS}
