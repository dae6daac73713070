"""Answers in one call, for pictures in any form."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import number_prediction
from number_prediction import (
    ImageError,
    NumberPredictor,
    Predictor,
    length,
    read_digits,
    read_numbers,
    read_page,
)
from number_prediction.datasets.split import Splits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, mnist: Splits) -> Path:
    """Three digits as PNG: 1.png, 2.png and 10.png."""
    folder = tmp_path_factory.mktemp("digits")
    for name, image in zip((1, 2, 10), np.asarray(mnist.test.images), strict=False):
        Image.fromarray(255 - image).save(folder / f"{name}.png")
    return folder


def test_pictures_come_in_any_form(folder: Path, mnist: Splits) -> None:
    expected = [str(label) for label in mnist.test.labels[:3]]
    array = np.asarray(mnist.test.images)[:3]
    many = [
        folder,
        str(folder),
        str(folder / "*.png"),
        array,
        list(array),
        torch.tensor(array),
        torch.tensor(array).unsqueeze(1) / 255,
        [folder / "1.png", (folder / "2.png").read_bytes(), Image.fromarray(array[2])],
        iter([str(folder)]),
    ]
    for pictures in many:
        assert [each.text for each in read_digits(pictures)] == expected
    content = (folder / "1.png").read_bytes()
    for picture in (folder / "1.png", content, io.BytesIO(content), array[0], np.dstack([array[0]] * 3)):
        assert [each.text for each in read_digits(picture)] == expected[:1]


def test_a_picture_that_is_none_is_named(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        read_digits([folder / "1.png", "nowhere.png"])


def test_numbers_and_pages(capsys: pytest.CaptureFixture[str]) -> None:
    (number,) = read_numbers(ROOT / "examples" / "seven.png", length(1), progress=True)
    assert number.text == "7"
    (page,) = read_page(ROOT / "docs" / "numbers.jpg")
    assert [each.text for each in page.numbers][:2] == ["1987", "42"]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "100%" in shown.err


def test_each_page_of_a_document_is_read(tmp_path: Path) -> None:
    page = Image.open(ROOT / "docs" / "numbers.jpg")
    page.save(tmp_path / "two.tiff", save_all=True, append_images=[Image.new("L", page.size, 255)])
    first, second = read_page(tmp_path / "two.tiff")
    assert len(first.numbers) == 6
    assert second.numbers == ()


def test_what_they_are_in_one_line(folder: Path, mnist: Splits) -> None:
    one = read_digits(folder / "1.png")[0]
    assert repr(one) == f"DigitPrediction(7, {100 * one.confidence:.1f}%)"
    blank = read_digits(np.full((28, 28), 255, np.uint8))[0]
    assert repr(blank) == "DigitPrediction(not a digit, 0.0%)"
    number = read_numbers(folder / "1.png")[0]
    assert repr(number) == f"NumberPrediction('7', {100 * number.probability:.1f}%)"
    assert repr(read_page(ROOT / "docs" / "numbers.jpg")[0]).startswith("PageReading(6 numbers: 1987, 42, ")
    assert repr(mnist.test) == "Split(10,000 pictures, 10 classes)"
    evaluation = number_prediction.evaluate(Predictor(), mnist.test.select(slice(0, 50)), name="few")
    assert repr(evaluation).endswith("% of 50 pictures, few)")
    for model in (Predictor(threads=1), NumberPredictor(threads=1)):
        assert repr(model) == f"{type(model).__name__}({model.path.name}, {model.sha256[:8]}, 1 thread)"
