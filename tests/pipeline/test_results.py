"""Results as tables, as plain values and as pictures: in Jupyter, in Matplotlib and in files."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from number_prediction import (
    ImageError,
    NumberPredictor,
    Results,
    load_form,
    predict_page,
    read_digits,
    read_form,
    read_numbers,
    read_page,
)
from number_prediction.datasets.split import Splits

ROOT = Path(__file__).resolve().parents[2]
BLUE = (0x2F, 0x6D, 0xB5)
PAPER = (250, 240, 200)


def size_of(picture: Path | bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as opened:
        return opened.size


def size_shown(html: str) -> tuple[int, int]:
    png = re.search('src="data:image/png;base64,([^"]+)"', html)
    assert png is not None
    return size_of(base64.b64decode(png[1]))


def most_common_colour(picture: Image.Image) -> tuple[int, ...]:
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    return tuple(colours[counts.argmax()].tolist())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coloured page with numbers: dark blue writing on yellow paper."""
    grey = np.asarray(Image.open(ROOT / "docs" / "numbers.jpg").convert("L"), np.float32)[..., np.newaxis]
    coloured = np.array((20, 20, 120)) + (np.array(PAPER) - (20, 20, 120)) * np.clip(grey / 200, 0, 1)
    path = tmp_path_factory.mktemp("page") / "page.png"
    Image.fromarray(coloured.astype(np.uint8)).save(path)
    return path


def test_digits_become_a_table(tmp_path: Path, mnist: Splits) -> None:
    Image.fromarray(255 - np.asarray(mnist.test.images)[0]).save(tmp_path / "seven.png")
    Image.new("L", (28, 28), 255).save(tmp_path / "two.png")
    frame = read_digits(tmp_path).to_frame()
    columns = ["path", "page", "label", "text", "confidence", "is_digit", "warnings"]
    assert list(frame.columns) == columns + [f"probability_{digit}" for digit in range(10)]
    assert list(frame["path"]) == [str(tmp_path / "seven.png"), str(tmp_path / "two.png")]
    assert list(frame["page"]) == [1, 1]
    assert str(frame["label"].dtype) == "Int64"
    assert frame["label"][0] == 7
    assert frame["label"].isna()[1]
    assert frame["warnings"][1] == "blank"
    assert frame["probability_7"][0] == frame["confidence"][0]
    mixed = read_digits([tmp_path / "two.png", np.full((28, 28), 255, np.uint8)]).to_frame()
    assert str(mixed["page"].dtype) == "Int64"
    assert list(mixed["path"].isna()) == list(mixed["page"].isna()) == [False, True]


def test_one_result_becomes_a_table_too(page: Path) -> None:
    (reading,) = read_page(page)
    frame = reading.to_frame()
    assert list(frame["text"]) == [number.text for number in reading.numbers]
    assert list(frame["number"]) == list(range(1, len(frame) + 1))
    assert frame[["left", "top", "width", "height"]].iloc[0].tolist() == list(reading.numbers[0].box)
    assert len(read_page([page, page])[:1].to_frame()) == len(frame)
    empty = read_page(np.full((200, 300), 255, np.uint8))[0].to_frame()
    assert list(empty.columns) == list(frame.columns)
    assert len(empty) == 0
    assert len(Results().to_frame()) == 0


def test_plain_values_name_the_picture_and_are_rounded(page: Path, tmp_path: Path) -> None:
    picture = Image.open(page)
    picture.save(tmp_path / "two.tiff", save_all=True, append_images=[picture])
    _, second = read_page(tmp_path / "two.tiff")
    values = second.to_dict()
    assert (values["path"], values["page"]) == (str(tmp_path / "two.tiff"), 2)
    number = values["numbers"][0]
    assert number["confidence"] == round(second.numbers[0].confidence, 4)
    assert number["box"] == [round(side, 1) for side in second.numbers[0].box]
    assert json.loads(json.dumps(values)) == values
    digit = read_digits(ROOT / "examples" / "seven.png")[0]
    assert digit.to_dict()["path"] == str(ROOT / "examples" / "seven.png")
    assert digit.to_dict()["probabilities"] == [round(float(share), 4) for share in digit.probabilities]
    assert "path" not in read_digits(np.full((28, 28), 255, np.uint8))[0].to_dict()


def test_a_page_is_drawn_in_its_colours(page: Path) -> None:
    kinds = [page, page.read_bytes(), Image.open(page), np.asarray(Image.open(page))]
    for (reading,) in map(read_page, kinds):
        assert most_common_colour(reading.draw()) == PAPER
        assert (np.asarray(reading.draw()) == BLUE).all(2).sum() > 500


def test_each_page_of_a_document_is_drawn_on_itself(page: Path, tmp_path: Path) -> None:
    first = Image.open(page)
    first.save(tmp_path / "two.tiff", save_all=True, append_images=[Image.new("RGB", first.size, "#800000")])
    first_drawn, second_drawn = (reading.draw() for reading in read_page(tmp_path / "two.tiff"))
    assert most_common_colour(first_drawn) == PAPER
    assert most_common_colour(second_drawn) == (128, 0, 0)


def test_jupyter_shows_the_picture_and_the_words(page: Path, tmp_path: Path) -> None:
    number = read_numbers(ROOT / "examples" / "seven.png")[0]
    for result in (number, read_digits(page)[0], read_page(page)[0]):
        shown = result._repr_html_()
        assert size_shown(shown) == result.draw().size
        assert type(result).__name__ in shown
    large = read_page(np.full((1200, 1600), 255, np.uint8))[0]
    assert max(size_shown(large._repr_html_())) == 1000
    listed = Results([number] * 30)._repr_html_()
    assert listed.count("<figure>") == 20
    assert "10 more" in listed
    lost = tmp_path / "a<b.png"
    lost.write_bytes(page.read_bytes())
    (reading,) = read_page(lost)
    lost.unlink()
    assert "<img" not in reading._repr_html_()
    assert "a&lt;b.png" in reading._repr_html_()


def test_a_stream_is_not_kept_to_draw_on(page: Path) -> None:
    (reading,) = read_page(io.BytesIO(page.read_bytes()))
    with pytest.raises(ImageError, match="not kept"):
        reading.draw()
    (number,) = read_numbers(io.BytesIO((ROOT / "examples" / "seven.png").read_bytes()))
    assert np.ptp(np.asarray(number.draw().convert("L"))) > 100


def test_results_are_plotted_into_given_axes(page: Path) -> None:
    axes = Figure().subplots(1, 2)
    (reading,) = read_page(page)
    assert reading.plot(ax=axes[0]) is axes[0]
    assert axes[0].get_title() == repr(reading)
    assert len(axes[0].images) == 1
    assert not axes[1].images
    digit = read_digits(ROOT / "examples" / "seven.png", explain=True)[0]
    assert digit.plot(ax=axes[1]).images[0].get_array().shape[1] == digit.draw().width


def test_results_are_saved(tmp_path: Path) -> None:
    digits = read_digits([ROOT / "examples" / "seven.png"] * 2 + [np.full((28, 28), 255, np.uint8)])
    paths = digits.save(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["seven-1.png", "seven-2.png", "3.png"]
    assert all(size_of(path) == digits[0].draw().size for path in paths[:2])
    assert digits[0].save(tmp_path / "one.jpg") == tmp_path / "one.jpg"
    with pytest.raises(ImageError, match=r"one\.xyz: no picture format"):
        digits[0].save(tmp_path / "one.xyz")


def test_forms_and_pages_show_themselves() -> None:
    template = load_form(ROOT / "docs" / "form" / "form.json")
    sheet = ROOT / "docs" / "form" / "sheets" / "1.jpg"
    form = read_form(sheet, template, read=NumberPredictor().read_lines)
    assert repr(form) == "FormReading(student: 1402, points: 57, mark: 1,3)"
    assert list(form.to_frame()["field"]) == ["student", "points", "mark"]
    assert form.to_dict()["path"] == str(sheet)
    assert form.draw().width == min(1600, size_of(sheet)[0])
    assert predict_page(str(ROOT / "docs" / "numbers.jpg")).numbers[1].text == "42"
