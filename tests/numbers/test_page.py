"""Pages: every number found once, in reading order, at its place in the picture, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from number_prediction.constraints.constraint import length
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.images.geometry import Box, overlap
from number_prediction.layout.lines import find_lines
from number_prediction.layout.reading_order import in_reading_order
from number_prediction.numbers.page import PageReading, predict_page
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.drawn_pages import Drawing, DrawnPage, match
from tests.helpers.line_readers import DigitByDigit

TALL = 34
Write = Callable[..., DrawnPage]


@pytest.fixture(scope="module")
def reader(predictor: Predictor) -> DigitByDigit:
    return DigitByDigit(predictor)


@pytest.fixture
def write(mnist: Splits) -> Write:
    """A page of twenty-four numbers of 1 to 6 digits in two columns, on some paper, in some light."""

    def draw(seed: int, *, paper: str = "plain", words: bool = False, **light: float) -> DrawnPage:
        drawing = Drawing(900, 1100, mnist.test, seed=seed)
        random = drawing.random
        if paper == "ruled":
            drawing.rule(72)
        elif paper == "squared":
            drawing.rule(45, squared=True)
        for row in range(12):
            for x in (90, 520):
                text = "".join(str(digit) for digit in random.integers(0, 10, random.integers(1, 7)))
                y = 72 * (row + 2) - TALL - 4
                drawing.write(text, x, y, TALL * random.choice([0.8, 1.0, 1.3]))
            if words and row % 3 == 0:
                drawing.word(300, 72 * (row + 2) - TALL - 4, TALL)
        return drawing.finish(**light)

    return draw


def found_share(page: DrawnPage) -> tuple[float, int]:
    """Share of the numbers found by their lines, and how many lines are no numbers."""
    lines, _ = find_lines(page.picture)
    matched = match([number.box for number in page.numbers], [line.box for line in lines])
    return len(matched) / len(page.numbers), len(lines) - len(matched)


@pytest.mark.parametrize("paper", ["plain", "ruled", "squared"])
@pytest.mark.parametrize("turn", [-30, -11, 0, 4, 25])
def test_numbers_are_found_on_any_paper_at_any_slope(write: Write, paper: str, turn: int) -> None:
    page = write(turn + 40, paper=paper, turn=turn, blur=0.7, noise=2, shadow=0.3)
    share, others = found_share(page)
    assert share >= (16 if paper == "squared" else 22) / 24
    assert others <= 5


def test_a_sheet_on_a_dark_table_in_shadow(write: Write) -> None:
    share, others = found_share(write(1, paper="ruled", turn=7, table=50, shadow=0.5, noise=3, blur=0.8))
    assert share >= 22 / 24
    assert others <= 3


def test_light_writing_on_dark(write: Write) -> None:
    share, others = found_share(write(2, inverted=True, noise=2))
    assert share >= 22 / 24
    assert others <= 2


def test_numbers_are_read_and_words_are_left_out(write: Write, reader: DigitByDigit) -> None:
    page = write(3, words=True, turn=6)
    reading = predict_page(page.picture, read=reader)
    matched = match([number.box for number in page.numbers], [number.box for number in reading.numbers])
    right = [page.numbers[i].text == reading.numbers[j].text for i, j in matched.items()]
    assert sum(right) >= 17
    assert len(reading.numbers) - len(matched) <= 1
    assert len(reading.left_out) >= 3
    assert reading.skew == pytest.approx(6, abs=0.5)


def test_letters_read_as_digits_are_left_out_and_numbers_stay() -> None:
    words = (
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "lazy",
        "dogs",
        "Name",
        "Date",
        "Class",
        "School",
    )
    texts = [text for row in range(6) for text in (words[2 * row], str(1067 + 391 * row), words[2 * row + 1])]
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / "DejaVuSans-Oblique.ttf"), 44)
    sheet = Image.new("L", (1200, 900), 240)
    pen = ImageDraw.Draw(sheet)
    for index, text in enumerate(texts):
        pen.text((60 + 380 * (index % 3), 60 + 100 * (index // 3)), text, fill=40, font=font)
    predictor = NumberPredictor(threads=1)
    reading = predict_page(sheet, read=predictor.read_lines)
    in_the_middle = [each for each in reading.numbers if each.box.left > 420 and each.box.right < 780]
    assert len(in_the_middle) == 6
    assert len(reading.numbers) - 6 <= 1
    everything = predict_page(sheet, read=predictor.read_lines, least=0)
    assert len(everything.numbers) > len(reading.numbers)
    assert {each.line.box for each in (*reading.numbers, *reading.left_out)} == {
        each.line.box for each in (*everything.numbers, *everything.left_out)
    }


def test_glyphs_lie_on_their_digits_in_the_original_picture(mnist: Splits, reader: DigitByDigit) -> None:
    drawing = Drawing(800, 600, mnist.test, seed=5)
    drawing.write("1987", 200, 150, 60)
    page = drawing.finish(turn=-20)
    (number,) = predict_page(page.picture, read=reader).numbers
    (truth,) = page.numbers
    assert overlap(number.box, truth.box) > 0.7
    assert np.abs(number.corners - truth.corners).max() < 12
    assert [glyph.glyph for glyph in number.glyphs] == list(number.text)
    middles = [glyph.box.left + glyph.box.width / 2 for glyph in number.glyphs]
    assert middles == sorted(middles)
    assert all(overlap(glyph.box, number.box) > 0.05 for glyph in number.glyphs)


def test_large_pages_are_read_at_their_own_resolution(mnist: Splits, reader: DigitByDigit) -> None:
    drawing = Drawing(4000, 3000, mnist.test, seed=6)
    drawing.write("68", 1000, 1500, 60)
    drawing.write("77", 3000, 600, 60)
    page = drawing.finish()
    reading = predict_page(page.picture, read=reader)
    found = [number.box for number in reading.numbers]
    assert len(match([number.box for number in page.numbers], found, least=0.7)) == 2


def test_exif_orientation_is_applied_first(mnist: Splits, reader: DigitByDigit) -> None:
    drawing = Drawing(700, 400, mnist.test, seed=7)
    drawing.write("42", 300, 150, 60)
    page = drawing.finish()
    lying = Image.fromarray(page.picture).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it upright
    stream = io.BytesIO()
    lying.save(stream, "JPEG", exif=exif, quality=95)
    (number,) = predict_page(stream.getvalue(), read=reader).numbers
    assert number.text == "42"
    assert overlap(number.box, page.numbers[0].box) > 0.7


def test_a_constraint_is_asked_of_numbers_alone(write: Write, reader: DigitByDigit) -> None:
    page = write(8, words=True)
    free = predict_page(page.picture, read=reader)
    some = predict_page(page.picture, length(3, 4), read=reader)
    assert {number.text for number in some.numbers} == {
        number.text for number in free.numbers if 3 <= len(number.text) <= 4
    }


def test_signs_belong_to_their_numbers(mnist: Splits) -> None:
    drawing = Drawing(900, 500, mnist.test, seed=9)
    drawing.write("3,50", 100, 100, 60)
    drawing.write("-7", 500, 100, 60)
    drawing.write("12.5", 100, 300, 60)
    page = drawing.finish()
    lines, _ = find_lines(page.picture)
    assert len(lines) == 3
    assert len(match([number.box for number in page.numbers], [line.box for line in lines], least=0.8)) == 3


def test_a_gap_makes_two_numbers_of_one(mnist: Splits) -> None:
    drawing = Drawing(900, 300, mnist.test, seed=10)
    drawing.write("888", 100, 100, 60, gap=(1.1, 1.15))
    page = drawing.finish()
    assert len(find_lines(page.picture)[0]) == 3
    assert len(find_lines(page.picture, gap=1.5)[0]) == 1


def test_drawn_boxes_blots_and_blank_paper_are_no_writing(mnist: Splits, reader: DigitByDigit) -> None:
    drawing = Drawing(900, 700, mnist.test, seed=11)
    drawing.frame(Box(100, 100, 300, 200))
    drawing.blob(600, 400, 44)
    drawing.write("65", 190, 160, 60)
    page = drawing.finish(noise=2)
    (number,) = predict_page(page.picture, read=reader).numbers
    assert number.text == "65"
    blank = Drawing(600, 500, mnist.test, seed=12).finish(noise=5)
    empty = predict_page(blank.picture, read=reader)
    assert empty.numbers == empty.left_out == ()
    assert predict_page(np.full((40, 30), 255, np.uint8), read=reader).numbers == ()


def test_lines_are_given_clean(write: Write) -> None:
    lines, _ = find_lines(write(13, paper="squared", noise=3).picture)
    for line in lines:
        assert line.picture.dtype == np.uint8
        edge = np.concatenate([line.picture[[0, -1]].ravel(), line.picture[:, [0, -1]].ravel()])
        assert edge.min() > 250
        assert line.picture.min() < 60


def test_plain_values_and_masks(write: Write, reader: DigitByDigit) -> None:
    reading = predict_page(write(14).picture, read=reader)
    values = reading.to_dict()
    assert [each["text"] for each in values["numbers"]] == [number.text for number in reading.numbers]
    number = reading.numbers[0]
    assert number.masked(0.0) == number.text
    assert number.masked(1.1) == "?" * len(number.text)
    assert len(values["numbers"][0]["corners"]) == 4


def test_what_is_no_picture_is_refused(reader: DigitByDigit) -> None:
    with pytest.raises(ImageError):
        predict_page(b"no picture", read=reader)
    assert isinstance(predict_page(np.zeros((5, 5), np.uint8), read=reader), PageReading)


def test_tables_are_read_by_rows_and_columns_of_text_one_after_the_other() -> None:
    rows = [Box(x, y, 50, 20) for y in (0, 40, 80) for x in (0, 200, 400)]
    assert in_reading_order(rows) == list(range(9))
    left = [Box(0, y, 50, 20) for y in (0, 40, 80, 120)]
    right = [Box(300, y, 50, 20) for y in (22, 62, 102)]
    assert in_reading_order([*right, *left]) == [3, 4, 5, 6, 0, 1, 2]
    assert in_reading_order([]) == []


@pytest.mark.parametrize("slope", [-9, 9])
def test_rows_that_slope_are_read_along(slope: int) -> None:
    row = [Box(60 * step, 100 + slope * step, 40, 30) for step in range(8)]
    below = [Box(60 * step, 145 + slope * step, 40, 30) for step in range(8)]
    shuffled = [(row + below)[place] for place in (5, 14, 0, 9, 3, 12, 6, 15, 1, 10, 7, 2, 8, 11, 4, 13)]
    assert [shuffled[place] for place in in_reading_order(shuffled)] == row + below
