"""Pages to numbers in plain values: doubts, rosters, and the commands read and merge."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from number_prediction.datasets.split import Splits
from number_prediction.errors import ConstraintError
from number_prediction.forms.template import load_form
from number_prediction.images.geometry import Box
from number_prediction.pipeline.found import Roster, Wanted
from number_prediction.pipeline.number_readers import form_reader, line_reader, page_reader
from number_prediction.pipeline.rows import Doubt, Explained
from number_prediction.review.table import format_review, parse_review
from tests.conftest import CommandLine
from tests.helpers.composed import peaks
from tests.helpers.drawn_pages import Drawing
from tests.helpers.lattice_readers import Foreknown

LINE = np.full((300, 2000), 255, np.uint8)
SIZE = (500, 400)
FIELDS: list[dict[str, Any]] = [
    {"name": "student", "box": [40, 60, 280, 70], "cells": 4},
    {"name": "points", "box": [40, 240, 140, 70], "range": [0, 99]},
]


def read_lines(
    *lattices: NDArray[np.float32], spec: dict[str, Any] | None = None, **wanted: Any
) -> tuple[list[dict[str, Any]], list[Doubt]]:
    """Values of lines, and all their doubts."""
    reader = line_reader(Foreknown(lattices), spec or {}, wanted=Wanted(**wanted))
    values, doubts = [], []
    for answer in reader([LINE] * len(lattices)):
        values.append(answer.values if isinstance(answer, Explained) else answer)
        doubts += answer.doubts if isinstance(answer, Explained) else []
    return values, doubts


# Doubts


def test_numbers_below_the_confidence_are_doubts() -> None:
    values, doubts = read_lines(peaks("2048"), peaks("2048", {2: ("9", 0.3)}), below=0.8)
    assert [each["text"] for each in values] == ["2048", "2048"]
    (doubt,) = doubts
    assert (doubt.name, doubt.text, doubt.masked, doubt.spec) == ("1", "2048", "20?8", {})
    assert doubt.alternatives[0] == ("2098", pytest.approx(0.3, abs=0.1))
    assert doubt.picture.shape == (135, 900)
    assert read_lines(peaks("2048", {2: ("9", 0.3)}))[1] == []


def test_what_hardly_is_allowed_is_a_doubt_and_not_sure() -> None:
    (values,), (doubt,) = read_lines(peaks("2048"), spec={"digits": 1}, below=0.1)
    assert len(values["text"]) == 1
    assert values["confidence"] < 0.01
    assert doubt.masked == "?"
    assert doubt.alternatives[0][0] == "2048"
    assert doubt.spec == {"digits": 1}


def test_where_nothing_fits_what_stands_there_is_an_alternative() -> None:
    (values,), (doubt,) = read_lines(peaks("20"), spec={"digits": 7}, below=0.5, unsure=0.9)
    assert (values["text"], values["shown"], values["confidence"]) == (None, "?", 0.0)
    assert (doubt.text, doubt.masked) == (None, "?")
    assert doubt.alternatives[0][0] == "20"


# Rosters


def test_each_number_is_another_one_of_the_roster() -> None:
    """The second paper looks a little more like the first pupil's, who has a better one."""
    papers = [peaks("1234"), peaks("1235", {3: ("4", 0.55)}), peaks("88"), peaks("9999")]
    texts = ("1235", "1234", "9999", "5678")
    values, doubts = read_lines(*papers, roster=Roster(texts), below=0.9)
    assert [each["text"] for each in values] == ["1234", "1235", None, "9999"]
    assert [each["shown"] for each in values] == ["1234", "1235", "?", "9999"]
    assert [len(each["glyphs"]) for each in values] == [4, 4, 0, 4]
    assert all(each["confidence"] > 0.99 for each in values if each["text"])
    assert values[2]["confidence"] == 0
    (doubt,) = doubts
    assert doubt.alternatives[0][0] == "88"
    assert doubt.spec == {"one_of": list(texts), "once": True}


def test_a_second_paper_of_one_pupil_is_doubtful_as_a_whole() -> None:
    values, doubts = read_lines(
        peaks("1234"), peaks("1234"), roster=Roster(("1234",)), unsure=0.9, below=0.9, spec={"digits": 4}
    )
    assert sorted(each["shown"] for each in values) == ["?", "????"]
    assert len(doubts) == 2
    assert {doubt.spec["digits"] for doubt in doubts} == {4}


def test_a_roster_that_contradicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConstraintError, match="'123' is on the roster, but breaks length"):
        read_lines(spec={"digits": 4}, roster=Roster(("1234", "123")))
    with pytest.raises(ConstraintError, match="'1234' is twice on the roster"):
        page_reader(Foreknown([]), wanted=Wanted(roster=Roster(("1234", "1234"))))
    template = load_form(save_form(tmp_path))
    with pytest.raises(ConstraintError, match=r"no field 'pupil' .* name one of student, points"):
        form_reader(Foreknown([]), template, wanted=Wanted(roster=Roster(("1234",), "pupil")))
    with pytest.raises(ConstraintError, match="'1234' is on the roster, but breaks number_range"):
        form_reader(Foreknown([]), template, wanted=Wanted(roster=Roster(("1234",), "points")))


# The commands


def save_form(folder: Path) -> Path:
    path = folder / "form.json"
    path.write_text(json.dumps({"size": SIZE, "fields": FIELDS}))
    return path


def save_sheet(path: Path, mnist: Splits, student: str, points: str, *, seed: int) -> None:
    drawing = Drawing(*SIZE, mnist.test, seed=seed)
    for field in FIELDS:
        left, top, width, height = field["box"]
        cells = field.get("cells", 1)
        for cell in range(cells):
            drawing.frame(Box(left + cell * width / cells, top, width / cells, height))
    for cell, digit in enumerate(student):
        drawing.write(digit, 56 + 70 * cell, 72, 46)
    if points:
        drawing.write(points, 60, 252, 46)
    Image.fromarray(drawing.finish(noise=2, blur=0.5).picture).save(path)


def save_line(path: Path, mnist: Splits, text: str, *, seed: int) -> None:
    drawing = Drawing(60 + 50 * len(text), 90, mnist.test, seed=seed)
    drawing.write(text, 30, 22, 44)
    Image.fromarray(drawing.finish(noise=2, blur=0.5).picture).save(path)


@pytest.fixture
def sheets(tmp_path: Path, mnist: Splits) -> Path:
    """Three sheets of a form, and a picture that is none."""
    folder = tmp_path / "sheets"
    folder.mkdir()
    for index, (student, points) in enumerate((("1402", "47"), ("6719", ""), ("3865", "8"))):
        save_sheet(folder / f"{index}.png", mnist, student, points, seed=index)
    Image.new("L", SIZE, 255).save(folder / "blank.png")
    save_form(tmp_path)
    return folder


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, strict=True))


def correct(path: Path, corrections: dict[tuple[str, str], str]) -> int:
    """Type corrections, by file and field, into a review; how many rows it has."""
    review = parse_review(path.read_bytes(), path.name)
    rows = [
        replace(row, correction=corrections.get((Path(row.file).name, row.field), ""))
        for row in review.values()
    ]
    path.write_text(format_review(rows), encoding="utf-8")
    return len(rows)


@pytest.mark.usefixtures("sheets")
@pytest.mark.parametrize("output_format", ["csv", "json", "jsonl"])
def test_sheets_are_read_reviewed_corrected_and_merged(
    command_line: CommandLine, tmp_path: Path, output_format: str
) -> None:
    result = f"marks.{output_format}"
    arguments = ("read", "sheets", "--form", "form.json", "--output", result, "--review", "review")
    done = command_line(*arguments, "--below", "1")
    assert done.returncode == 1  # one is no sheet
    assert b"to review: 5 numbers, review/review.html" in done.stderr
    assert (tmp_path / "review" / "review.html").exists()
    before = (tmp_path / result).read_bytes()
    table = tmp_path / "review" / "review.csv"
    typed = {("0.png", "points"): "48", ("2.png", "points"): "empty", ("1.png", "student"): "6719"}
    assert correct(table, typed) == 5
    merged = command_line("merge", result, table, "--output", f"mended.{output_format}")
    assert (merged.returncode, merged.stdout.decode()) == (0, f"mended.{output_format}\n")
    assert b"2 corrected, 1 confirmed, 2 unchanged" in merged.stderr
    assert (tmp_path / result).read_bytes() == before
    content = (tmp_path / f"mended.{output_format}").read_text()
    assert command_line("merge", f"mended.{output_format}", table).stdout.decode() == content
    if output_format == "csv":
        rows = list(csv.DictReader(io.StringIO(content)))
        assert [row["points"] for row in rows] == ["48", "", "", ""]
        assert [row["student"] for row in rows] == ["1402", "6719", "3865", ""]
        assert [bool(row["corrected"]) for row in rows] == [True, True, True, False]
    else:
        listed = (
            json.loads(content) if output_format == "json" else list(map(json.loads, content.splitlines()))
        )
        points = [row["fields"]["points"] for row in listed[:3]]
        assert [each["text"] for each in points] == ["48", "", ""]
        assert ["corrected" in each for each in points] == [True, False, True]
        assert "error" in listed[3]


@pytest.mark.usefixtures("sheets")
def test_a_review_goes_on_with_its_batch(command_line: CommandLine, tmp_path: Path) -> None:
    arguments = ("read", "sheets/0.png", "sheets/1.png", "--form", "form.json", "--output", "marks.csv")
    review = ("--review", "review", "--below", "1", "--resume")
    assert command_line(*arguments, *review).returncode == 0
    whole = (tmp_path / "marks.csv").read_bytes(), (tmp_path / "review" / "review.csv").read_bytes()
    (tmp_path / "marks.csv").write_bytes(whole[0][: len(whole[0]) * 2 // 3])
    assert command_line(*arguments, *review).returncode == 0
    assert ((tmp_path / "marks.csv").read_bytes(), (tmp_path / "review" / "review.csv").read_bytes()) == whole
    other = command_line(*arguments, "--resume")
    assert other.returncode == 1
    assert b"started with another below, review" in other.stderr
    again = command_line(
        "read", "sheets/0.png", "--form", "form.json", "--format", "csv", "--review", "review"
    )
    assert again.returncode == 1
    assert b"choose another folder" in again.stderr


@pytest.mark.usefixtures("sheets")
def test_a_class_list_on_a_form(command_line: CommandLine, tmp_path: Path) -> None:
    """One pupil's sheet is missing, and one sheet is nobody's."""
    (tmp_path / "class.txt").write_text("number;name\n1402;Ada\n3865;Emmy\n2233;Sofja Kowalewskaja\n")
    arguments = ("read", "sheets", "--form", "form.json", "--roster")
    done = command_line(*arguments, "student=class.txt", "--output", "marks.csv", "--review", "review")
    assert done.returncode == 1
    rows = {Path(row["path"]).name: row for row in table_of(tmp_path / "marks.csv")}
    assert [rows[f"{index}.png"]["student"] for index in range(3)] == ["1402", "?", "3865"]
    assert not (tmp_path / "marks.csv.manifest").exists()
    said = done.stderr.decode()
    assert "on the roster, but not read: 1 (2233 Sofja Kowalewskaja)" in said
    assert "read, but not on the roster: 1 (sheets/1.png, student)" in said
    table = tmp_path / "review" / "review.csv"
    correct(table, {("1.png", "student"): "1402"})
    twice = command_line("merge", "marks.csv", table)
    assert twice.returncode == 1
    assert "1402 is allowed once, but is in sheets/0.png, sheets/1.png" in twice.stderr.decode()
    assert twice.stdout == b""
    unnamed = command_line(*arguments, "class.txt")
    assert unnamed.returncode == 2
    assert b"FIELD=FILE" in unnamed.stderr


def test_a_class_list_on_lines_and_pages(command_line: CommandLine, mnist: Splits, tmp_path: Path) -> None:
    (tmp_path / "class.txt").write_text("51\n7\n302\n")
    drawing = Drawing(500, 300, mnist.test, seed=2)
    for index, text in enumerate(("302", "7")):
        drawing.write(text, 60, 40 + 130 * index, 50)
        save_line(tmp_path / f"{index}.png", mnist, text, seed=index)
    Image.fromarray(drawing.finish(noise=2).picture).save(tmp_path / "page.png")
    (tmp_path / "broken.png").write_bytes(b"broken")
    lines = command_line("read", "0.png", "broken.png", "1.png", "--roster", "class.txt", "--format", "csv")
    assert lines.returncode == 1
    assert [row["text"] for row in csv.DictReader(io.StringIO(lines.stdout.decode()))] == ["302", "", "7"]
    assert b"on the roster, but not read: 1 (51)" in lines.stderr
    page = command_line("read", "page.png", "--page", "--roster", "class.txt", "--annotate", "drawn")
    assert page.returncode == 0
    assert "302  7" in page.stdout.decode()
    assert b"on the roster, but not read: 1 (51)" in page.stderr
    assert (tmp_path / "drawn" / "page.explained.png").exists()


@pytest.mark.parametrize("way", [(), ("--page",), ("--form", "form.json")])
def test_what_cannot_be_read_has_its_error_row(
    command_line: CommandLine, tmp_path: Path, way: tuple[str, ...]
) -> None:
    save_form(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"broken")
    done = command_line("read", "broken.png", *way, "--format", "csv")
    assert done.returncode == 1
    (row,) = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert "not a picture" in row["error"]


def test_what_is_blank_or_hardly_what_is_known_says_so(
    command_line: CommandLine, mnist: Splits, tmp_path: Path
) -> None:
    Image.new("L", (200, 60), 255).save(tmp_path / "blank.png")
    Image.fromarray(255 - mnist.test.images[0]).save(tmp_path / "seven.png")
    assert "nothing written" in command_line("read", "blank.png").stdout.decode()
    assert "no allowed number fits" in command_line("read", "blank.png", "--digits", "3").stdout.decode()
    said = command_line("read", "seven.png", "--digits", "3").stdout.decode()
    assert "unlikely to be an allowed number" in said
    known = command_line("read", "seven.png", "--digits", "3", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(known.stdout.decode()))
    assert float(row["confidence"]) <= float(row["fit"]) < 0.01


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "x.png", "--below", "0.9"],
        ["read", "x.png", "--locale", "de"],
        ["read", "x.png", "--output", "rows.csv", "--format", "json"],
        ["read", "x.png", "--review", "review"],
        ["read", "x.png", "--review", "review", "--output", "rows.txt"],
        ["read", "x.png", "--roster", "class.txt", "--one-of", "class.txt"],
        ["read", "x.png", "--roster", "class.txt", "--output", "rows.csv", "--resume"],
        ["merge", "rows.csv"],
        ["merge", "rows.txt", "review.csv"],
        ["merge", "rows.csv", "review.csv", "--output", "rows.json"],
    ],
)
def test_wrong_usage_exits_2(command_line: CommandLine, arguments: list[str]) -> None:
    done = command_line(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["read", "x.png", "--roster", "nowhere.txt"], b"nowhere.txt: No such file"),
        (["read", "x.png", "--roster", "empty.txt"], b"empty.txt: holds no number; write one on each line"),
        (["read", "x.png", "--roster", "twice.txt"], b"'42' is twice on the roster"),
        (
            ["read", "x.png", "--roster", "names.txt"],
            b"names.txt: 'Emmy' does not begin with a number; put the number",
        ),
        (["merge", "nowhere.csv", "empty.txt"], b"nowhere.csv: No such file"),
        (["merge", "rows.csv", "nowhere.csv"], b"nowhere.csv: No such file"),
        (["merge", "rows.csv", "empty.txt"], b"empty.txt: not the CSV file of a review"),
        (["merge", "rows.csv", "empty.txt", "--output", "rows.csv"], b"rows.csv: already exists"),
    ],
)
def test_what_cannot_be_done_exits_1_and_says_why(
    command_line: CommandLine, tmp_path: Path, arguments: list[str], words: bytes
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "names.txt").write_text("Ada\nEmmy\n")
    (tmp_path / "twice.txt").write_text("42\n42\n")
    (tmp_path / "rows.csv").write_text("path,text,shown,confidence,fit,page,error\n")
    done = command_line(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
