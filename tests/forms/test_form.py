"""Forms: templates, sheets found by what is printed on them, fields read without their borders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ImageError
from number_prediction.forms.form import read_form
from number_prediction.forms.template import FormTemplate, load_form
from number_prediction.images.geometry import Box, box_of, overlap
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.drawn_pages import Drawing, cells_of
from tests.helpers.line_readers import DigitByDigit

SIZE = (900, 1200)
FIELDS: list[dict[str, Any]] = [
    {"name": "student", "box": [240, 120, 320, 80], "cells": 5},
    {"name": "points", "box": [240, 320, 128, 80], "cells": 2, "range": [0, 99]},
    {"name": "room", "box": [500, 560, 192, 80], "cells": 3, "digits": 3},
    {"name": "note", "box": [240, 820, 256, 80], "digits": [0, 4]},
]
TEXTS = {"student": "60235", "points": "47", "room": "806", "note": ""}


@pytest.fixture(scope="module")
def reader(predictor: Predictor) -> DigitByDigit:
    return DigitByDigit(predictor)


@pytest.fixture
def template(tmp_path: Path) -> FormTemplate:
    return save(tmp_path, {"size": SIZE, "fields": FIELDS})


def save(folder: Path, content: Any) -> FormTemplate:
    path = folder / "form.json"
    path.write_text(json.dumps(content))
    return load_form(path)


def draw_sheet(mnist: Splits, *, seed: int = 3, filled: bool = True, corner_marks: bool = False) -> Drawing:
    drawing = Drawing(*SIZE, mnist.test, seed=seed)
    for field in FIELDS:
        cells = cells_of(Box(*field["box"]), field.get("cells", 1))
        for cell in cells:
            drawing.frame(cell)
        for cell, digit in zip(cells, TEXTS[field["name"]] if filled else "", strict=False):
            drawing.write(digit, cell.left + 16 + drawing.random.integers(-4, 5), cell.top + 14, 50)
    if corner_marks:
        for x, y in ((40, 40), (840, 40), (40, 1140), (840, 1140)):
            drawing.ink[y : y + 20, x : x + 20] = 0.8
    return drawing


@pytest.mark.parametrize("turn", [0.0, -8.0, 3.5])
def test_fields_are_found_and_read_on_a_photo(
    mnist: Splits, template: FormTemplate, reader: DigitByDigit, turn: float
) -> None:
    sheet = draw_sheet(mnist).finish(turn=turn, shadow=0.3, noise=2, blur=0.7, table=90)
    reading = read_form(sheet.picture, template, read=reader)
    assert reading.found > 0.9
    assert {field.name: field.text for field in reading.fields} == TEXTS
    written = box_of(np.concatenate([number.corners for number in sheet.numbers[:5]]))
    student = reading.fields[0]
    assert overlap(student.box, written) > 0.4
    assert len(student.glyphs) == 5
    for glyph, truth in zip(student.glyphs, sheet.numbers, strict=False):
        assert overlap(glyph.box, truth.box) > 0.5


def test_a_photo_from_aside_is_straightened(
    mnist: Splits, template: FormTemplate, reader: DigitByDigit
) -> None:
    picture = Image.fromarray(draw_sheet(mnist).finish(noise=2, blur=0.7).picture)
    width, height = picture.size
    corners = (-0.06 * width, -0.02 * height, 0, 1.04 * height, width, 1.03 * height, 1.04 * width, 0)
    aside = picture.transform(
        picture.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR, fillcolor=90
    )
    reading = read_form(aside, template, read=reader)
    assert {field.name: field.text for field in reading.fields} == TEXTS


def test_another_size_and_place(mnist: Splits, template: FormTemplate, reader: DigitByDigit) -> None:
    sheet = draw_sheet(mnist).finish().picture
    larger = Image.new("L", (1500, 1700), 235)
    larger.paste(Image.fromarray(sheet).resize((1080, 1440), Image.Resampling.BICUBIC), (330, 90))
    reading = read_form(larger, template, read=reader)
    assert {field.name: field.text for field in reading.fields} == TEXTS


def test_a_scan_tells_what_is_printed(mnist: Splits, tmp_path: Path, reader: DigitByDigit) -> None:
    blank = draw_sheet(mnist, filled=False, corner_marks=True).finish()
    Image.fromarray(blank.picture).save(tmp_path / "blank.png")
    template = save(tmp_path, {"size": SIZE, "scan": "blank.png", "fields": FIELDS})
    sheet = draw_sheet(mnist, corner_marks=True).finish(turn=2, noise=2)
    reading = read_form(sheet.picture, template, read=reader)
    assert reading.found > 0.9
    assert {field.name: field.text for field in reading.fields} == TEXTS


def test_the_example_of_the_documentation() -> None:
    folder = Path(__file__).parents[2] / "docs" / "form"
    told = (folder.parent / "how-to" / "forms.md").read_text(encoding="utf-8")
    shown = told.partition("```json\n")[2].partition("```")[0]
    assert json.loads(shown) == json.loads((folder / "form.json").read_text())
    template, predictor = load_form(folder / "form.json"), NumberPredictor()
    for sheet in sorted((folder / "sheets").iterdir()):
        reading = read_form(sheet, template, read=predictor.read_lines)
        assert (
            f"{sheet.name} │ "
            + " │ ".join(
                text.ljust(width)
                for text, width in zip((field.text or "" for field in reading.fields), (7, 6, 4), strict=True)
            )
            in told
        )


def test_another_sheet_is_refused(mnist: Splits, template: FormTemplate, reader: DigitByDigit) -> None:
    other = Drawing(*SIZE, mnist.test, seed=1)
    other.write("123", 200, 300, 60)
    with pytest.raises(ImageError, match="check that it is the same form"):
        read_form(other.finish().picture, template, read=reader)


def test_a_field_knows_what_it_does_not_know(mnist: Splits, tmp_path: Path, reader: DigitByDigit) -> None:
    too_long = {"one_of": ["1" * 1000]}
    fields = [{**field, **too_long} if field["name"] == "student" else field for field in FIELDS]
    template = save(tmp_path, {"size": SIZE, "fields": fields})
    reading = read_form(draw_sheet(mnist).finish().picture, template, read=reader)
    student, points, _, note = reading.fields
    assert student.text is None
    assert student.masked(0.5) == "?"
    assert points.masked(1.1) == "??"
    assert (note.text, note.confidence, note.masked(0.9)) == ("", 1.0, "")
    values = reading.to_dict()["fields"]
    assert list(values) == [field["name"] for field in FIELDS]
    assert json.dumps(values)
    assert points.picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fields": []}, "at least one"),
        ({"fields": [FIELDS[0], FIELDS[0]]}, "each with a different name"),
        ({"fields": [{**FIELDS[0], "box": [800, 0, 300, 80]}]}, "must lie inside the size"),
        ({"fields": [{**FIELDS[0], "colour": "red"}]}, "unknown key colour"),
        ({"fields": [{**FIELDS[0], "check": "md5"}]}, "unknown check"),
        ({"fields": [{**FIELDS[0], "digits": [3, 1]}]}, "length"),
        ({"fields": [{"name": "a"}]}, "box"),
        ({"size": [0, 10]}, "width and height"),
    ],
)
def test_templates_that_are_wrong_say_how(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        save(tmp_path, {"size": SIZE, "fields": FIELDS, **change})


def test_what_is_no_template_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "form.json"
    with pytest.raises(DataError, match="No such file"):
        load_form(path)
    path.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load_form(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="object"):
        load_form(path)
