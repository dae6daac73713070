"""Reviews: doubtful numbers into a folder, corrections back into the results, nothing lost on the way."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from number_prediction.constants import GLYPHS
from number_prediction.errors import DataError
from number_prediction.pipeline.layouts import ColumnLayout, form_layout, line_layout, page_layout
from number_prediction.pipeline.rows import Doubt, Row
from number_prediction.pipeline.writers import write_rows
from number_prediction.review.folder import ReviewFolder
from number_prediction.review.merge import Merged, merge_review
from number_prediction.review.table import (
    COLUMNS,
    ReviewRow,
    format_review,
    guard,
    number_key,
    numbers_of,
    parse_review,
    unguard,
)

FORMATS = ("json", "jsonl", "csv")
FIELDS = ("points", "=1+1", "a,b", 'quo"te', "1", "shown")
FILES = (
    "a.png",
    "=1+1.png",
    "a,b.tif",
    "two\nlines.png",
    "re\rturn.png",
    "'quoted.png",
    "\udcff.png",
    "ä.png",
)
LAYOUTS: dict[str, ColumnLayout] = {"line": line_layout(), "page": page_layout(), "form": form_layout(FIELDS)}

texts = st.text("".join(GLYPHS), min_size=1, max_size=5)
confidences = st.floats(0, 1)


def plain_number(text: str, confidence: float) -> dict[str, Any]:
    glyphs = [{"glyph": glyph, "confidence": confidence, "alternatives": []} for glyph in text]
    return {"text": text, "confidence": confidence, "fit": 0.9, "glyphs": glyphs, "shown": text}


numbers = st.builds(plain_number, texts, confidences)


def values_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "line":
        return numbers
    if kind == "page":
        return st.builds(lambda found: {"skew": 0.5, "numbers": found}, st.lists(numbers, max_size=3))
    fields = st.fixed_dictionaries(dict.fromkeys(FIELDS, numbers))
    return st.builds(lambda found: {"found": 0.9, "fields": found}, fields)


@st.composite
def results(draw: st.DrawFn) -> tuple[str, list[Row]]:
    """A kind of results, and rows, a page each, errors among them."""
    kind = draw(st.sampled_from(sorted(LAYOUTS)))
    pages = draw(st.sets(st.tuples(st.sampled_from(FILES), st.integers(1, 3)), max_size=5))
    return kind, [
        Row(path, page, error="cannot, be read")
        if draw(st.integers(0, 4)) == 0
        else Row(path, page, draw(values_of(kind)))
        for path, page in sorted(pages)
    ]


def write(rows: Sequence[Row], output_format: str, kind: str) -> str:
    """The file of results, as `read` writes it."""
    stream = io.StringIO()
    write_rows(rows, output_format, LAYOUTS[kind], stream)
    return stream.getvalue().encode("utf-8", "backslashreplace").decode()


def review_of(
    rows: Sequence[Row], corrections: Sequence[str] = (), *, known: str = "{}"
) -> dict[int, ReviewRow]:
    """A review of all numbers, with corrections for the first ones, read from its file."""
    found = []
    for row in rows:
        for name, number in numbers_of(row.values).items():
            cells = dict.fromkeys(COLUMNS, "") | {
                "file": row.path.encode("utf-8", "backslashreplace").decode(),
                "page": str(row.page),
                "field": name,
                "reading": number["text"],
                "known": known,
                "key": number_key(row.path, row.page, name, number),
            }
            if len(found) < len(corrections):
                cells["correction"] = corrections[len(found)]
            found.append(ReviewRow(**cells))
    parsed = parse_review(format_review(found).encode(), "review.csv")
    assert list(parsed.values()) == found
    return parsed


def merge(content: str, output_format: str, review: dict[int, ReviewRow]) -> Merged:
    return merge_review(
        content, output_format, review, result_name=f"rows.{output_format}", review_name="review.csv"
    )


def read_back(content: str, output_format: str, kind: str) -> list[dict[str, tuple[str, float, bool]]]:
    """For each row the numbers by name: what is shown, its confidence, and whether it is marked."""
    found: list[dict[str, tuple[str, float, bool]]] = []
    if output_format != "csv":
        rows = json.loads(content) if output_format == "json" else map(json.loads, content.splitlines())
        for row in rows:
            of_row = {} if "error" in row else numbers_of(row)
            found.append(
                {
                    name: (each["shown"], each["confidence"], "corrected" in each)
                    for name, each in of_row.items()
                }
            )
        return found
    header, *table = csv.reader(io.StringIO(content, newline=""))
    for cells in table:
        *middle, _, error = cells[1:]
        marked = json.loads(middle.pop() or "{}") if header[-3] == "corrected" else {}
        if error:
            found.append({})
        elif kind == "line":
            found.append({"1": (middle[1], float(middle[2]), "1" in marked)})
        elif kind == "page":
            sure = [float(each) for each in middle[1].split()]
            shown = middle[0].split(" ") if sure else []
            pairs = enumerate(zip(shown, sure, strict=True), 1)
            found.append({str(index): (text, share, str(index) in marked) for index, (text, share) in pairs})
        else:
            pairs_of_fields = zip(FIELDS, middle[::2], middle[1::2], strict=True)
            found.append(
                {name: (text, float(share), name in marked) for name, text, share in pairs_of_fields}
            )
    return found


def expected(rows: Sequence[Row], corrections: Sequence[str], output_format: str, kind: str) -> list[Any]:
    """As `read_back`, of the rows with corrections for the first numbers."""
    waiting = iter(corrections)
    found = []
    for row in rows:
        of_row = {}
        for name, number in numbers_of(row.values).items():
            correction = next(waiting, "")
            confidence = number["confidence"]
            if output_format == "csv" and kind == "page":
                confidence = float(f"{confidence:.4f}")
            text = "" if correction == "empty" else correction
            of_row[name] = (text, 1.0, True) if correction else (number["shown"], confidence, False)
        found.append(of_row)
    return found


# Merging


@given(results(), st.lists(st.one_of(texts, st.sampled_from(["", "empty"])), max_size=6))
@settings(deadline=None)
def test_corrections_come_to_their_places_and_all_else_stays(
    made: tuple[str, list[Row]], corrections: list[str]
) -> None:
    kind, rows = made
    review = review_of(rows, corrections)
    for output_format in FORMATS:
        content = write(rows, output_format, kind)
        merged = merge(content, output_format, review)
        assert read_back(merged.content, output_format, kind) == expected(
            rows, corrections, output_format, kind
        )
        given_ = [each for each in corrections[: len(review)] if each]
        assert merged.corrected + merged.confirmed == len(given_)
        assert merged.left == len(review) - len(given_)
        if output_format == "csv":
            for before, after in zip(
                csv.reader(io.StringIO(content, newline="")),
                csv.reader(io.StringIO(merged.content, newline="")),
                strict=True,
            ):
                assert (after[0], after[-2:], len(after)) == (before[0], before[-2:], len(before) + 1)
        elif not given_:
            assert merged.content == content


@given(results(), st.lists(texts, max_size=5), st.integers(0, 5))
@settings(deadline=None)
def test_a_review_may_be_merged_again_and_in_parts(
    made: tuple[str, list[Row]], corrections: list[str], half: int
) -> None:
    kind, rows = made
    whole, first = review_of(rows, corrections), review_of(rows, corrections[:half])
    second = review_of(rows, ["" if index < half else text for index, text in enumerate(corrections)])
    other = review_of(rows, ["42"] * len(corrections))
    for output_format in FORMATS:
        content = write(rows, output_format, kind)
        merged = merge(content, output_format, whole).content
        assert merge(merged, output_format, whole).content == merged
        in_parts = merge(merge(content, output_format, first).content, output_format, second).content
        assert in_parts == merged
        assert merge(merge(content, output_format, other).content, output_format, whole).content == merged


@given(results(), st.sampled_from(FORMATS))
@settings(deadline=None)
def test_a_review_of_other_results_is_refused(made: tuple[str, list[Row]], output_format: str) -> None:
    kind, rows = made
    review = review_of(rows)
    for row in rows:
        for number in numbers_of(row.values).values():
            number["confidence"] = abs(number["confidence"] - 0.5) / 2 + (
                0.6 if number["confidence"] < 0.5 else 0
            )
    content = write(rows, output_format, kind)
    if not review:
        assert merge(content, output_format, review).left == 0
        return
    with pytest.raises(DataError, match="belongs to another result") as refused:
        merge(content, output_format, review)
    assert str(refused.value).startswith("review.csv: row 2 (")


def test_what_was_read_stays_under_corrected() -> None:
    rows = [Row("a.png", 1, plain_number("47", 0.6)), Row("b.png", 2, plain_number("5", 0.7))]
    merged = merge(write(rows, "jsonl", "line"), "jsonl", review_of(rows, ["-7"]))
    first, second = map(json.loads, merged.content.splitlines())
    assert (first["text"], first["shown"], first["confidence"], first["glyphs"]) == ("-7", "-7", 1.0, [])
    assert first["corrected"] == rows[0].values
    assert second == rows[1].to_dict()
    table = merge(write(rows, "csv", "line"), "csv", review_of(rows, ["-7"])).content
    assert table.splitlines() == [
        "path,text,shown,confidence,fit,corrected,page,error",
        'a.png,-7,-7,1.0,1.0,"{""1"": {""text"": ""47"", ""shown"": ""47"", ""confidence"": 0.6, '
        '""fit"": 0.9}}",1,',
        "b.png,5,5,0.7,0.9,,2,",
    ]


@pytest.mark.parametrize(
    ("known", "correction", "message"),
    [
        ({}, "12x", "'12x' is not a number; use digits and"),
        ({}, "02. Jan", "is not a number"),
        ({"digits": 3}, "7", "'7' breaks its constraint: 3 digits; .*write '007"),
        ({"range": [0, 99], "decimals": 1, "locale": "de"}, "12.5", "breaks its constraint"),
        ({"check": "luhn"}, "18", None),
        ({"check": "luhn"}, "19", "breaks its constraint"),
        ({"digits": 3}, "empty", None),
        ({"digits": 3}, "EMPTY", None),
        ({"digits": 3}, "'007", None),
        ({"range": [-9, 9]}, " -7 ", None),
    ],
)
def test_a_correction_must_fit_the_constraints(
    known: dict[str, Any], correction: str, message: str | None
) -> None:
    rows = [Row("a.png", 1, plain_number("4", 0.5)), Row("b.tif", 3, plain_number("4", 0.5))]
    review = review_of(rows, known=json.dumps(known))
    text = format_review(review.values()).replace("b.tif,3,1,,4,,,", f"b.tif,3,1,,4,,{correction},")
    review = parse_review(text.encode(), "review.csv")
    content = write(rows, "csv", "line")
    if message is None:
        assert merge(content, "csv", review).corrected == 1
        return
    with pytest.raises(
        DataError, match=rf"change these corrections:\nrow 3 \(b.tif, page 3, number 1\): .*{message}"
    ):
        merge(content, "csv", review)


def test_all_wrong_corrections_are_named_at_once() -> None:
    rows = [Row(f"{index}.png", 1, plain_number("4", 0.5)) for index in range(25)]
    with pytest.raises(DataError, match=r"(?s)row 2 .*row 21 .*and 5 more$") as refused:
        merge(write(rows, "csv", "line"), "csv", review_of(rows, ["x"] * 25))
    assert len(str(refused.value).splitlines()) == 22


@pytest.mark.parametrize("kind", ["line", "page", "form"])
def test_what_may_stand_once_stands_once_after_the_merge(kind: str) -> None:
    def values(text: str) -> dict[str, Any]:
        number = plain_number(text, 0.5)
        fields = {"fields": {name: plain_number("9", 1.0) for name in FIELDS} | {"points": number}}
        return {"line": number, "page": {"numbers": [number]}, "form": fields}[kind]

    rows = [Row(f"{text}.png", 1, values(text)) for text in ("11", "22", "33")]
    known = json.dumps({"one_of": ["11", "22", "33"], "once": True})
    review = {number: row for number, row in review_of(rows, known=known).items() if row.reading != "9"}
    content = write(rows, "csv", kind)

    def corrected(*corrections: str) -> dict[int, ReviewRow]:
        pairs = zip(review.items(), corrections, strict=True)
        return {number: replace(row, correction=correction) for (number, row), correction in pairs}

    assert merge(content, "csv", corrected("22", "11", "")).corrected == 2
    with pytest.raises(DataError, match=r"22 is allowed once, but is in 11\.png, 22\.png"):
        merge(content, "csv", corrected("22", "", ""))


@pytest.mark.parametrize(
    ("output_format", "content"),
    [
        ("csv", ""),
        ("csv", "path,label,text,confidence,page,error\na.png,7,7,0.9,1,\n"),
        ("csv", "path,text,shown,confidence,fit,page,error\na.png,7,0.9,1,1,\n"),
        ("csv", 'path,text,shown,confidence,fit,page,error\na.png,"7\n'),
        ("csv", "path,text,shown,confidence,fit,page,error\na.png,7,7,sure,1,1,\n"),
        ("csv", "file,text\n"),
        ("json", "{}"),
        ("json", "[1]"),
        ("jsonl", '[\n{"path": "a.png"}\n]\n'),
        ("jsonl", '{"path": "a.png"}\n'),
        ("jsonl", '{"path": "a.png", "page": 1, "label": 7}\n'),
    ],
)
def test_what_is_no_result_of_numbers_is_refused(output_format: str, content: str) -> None:
    with pytest.raises(DataError, match=rf"rows\.{output_format}: not numbers in {output_format}"):
        merge(content, output_format, {})


# The file of a review


@given(st.one_of(st.text(), texts))
def test_a_guarded_cell_is_what_it_was(cell: str) -> None:
    guarded = guard(cell)
    assert unguard(guarded) == cell
    assert guarded[:1] not in ("=", "+", "@", "\t", "\r", "\n")
    assert guarded[:1] != "-" or guarded[1:].isdecimal()


def test_whole_numbers_stay_as_they_are() -> None:
    for text in ("-7", "0", "42", "1987", "12345678901"):
        assert guard(text) == text
    for text in ("+5", "007", "-07", "3.50", "1/2", "12:30", "-1-1", "123456789012", "=1+1", "@x", "'x"):
        assert guard(text) == f"'{text}"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_may_save_it_in_its_own_way(delimiter: str) -> None:
    rows = [Row(name, 1, plain_number("4", 0.5)) for name in ("a,b;c.png", "two\nlines.png")]
    review = review_of(rows, known='{"range": [0, 99], "decimals": 1}')
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream, delimiter=delimiter, quoting=csv.QUOTE_ALL if delimiter == ";" else csv.QUOTE_MINIMAL
    )
    order = [*reversed(COLUMNS), "notes"]
    writer.writerow(order)
    for row in review.values():
        writer.writerow([{**vars(row), "notes": "="}[column] for column in order])
        writer.writerow([""] * len(order))
    found = parse_review(b"\xef\xbb\xbf" + stream.getvalue().encode(), "review.csv")
    assert list(found) == [2, 4]
    assert list(found.values()) == list(review.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not the CSV file of a review"),
        (b'key,"known\n', "not the CSV file of a review"),
        ("größe".encode("latin-1"), "UTF-8"),
        (b"file,correction\n", "no column known, key"),
        (b"correction,known,key\n,digits 3,n1\n", "row 2 .*`known` was altered"),
        (b"correction,known,key\n,[],n1\n", "row 2 .*`known` was altered"),
    ],
)
def test_what_is_no_review_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"review.csv: .*{message}"):
        parse_review(content, "review.csv")


# The folder


def doubtful_row(path: str, page: int, *texts: str, grey: int = 200) -> Row:
    """A page of numbers, all of them doubtful."""
    found = [plain_number(text, 0.5 + index / 10) for index, text in enumerate(texts)]
    picture = np.full((20, 30), grey, np.uint8)
    doubts = tuple(
        Doubt(str(index), text, "?" * len(text), (("17", 0.25), ("-1", 0.1)), {"digits": [1, 5]}, picture)
        for index, text in enumerate(texts, 1)
    )
    return Row(path, page, {"skew": 0.0, "numbers": found}, doubts=doubts)


def collect(folder: Path, rows: Iterable[Row], *, resume: bool = False, page: bool = True) -> ReviewFolder:
    """Let rows pass through; without the page it ends as a kill ends it."""
    review = ReviewFolder(folder, below=0.99, result=Path("rows.csv"), resume=resume)
    for row in review.collect(rows):
        assert isinstance(row, Row)
    if page:
        review.write_page()
    return review


def table_of(folder: Path) -> list[tuple[str, str, str, str]]:
    review = parse_review((folder / "review.csv").read_bytes(), "review.csv")
    return [(row.file, row.page, row.field, row.reading) for row in review.values()]


def test_a_folder_holds_each_doubtful_number_with_its_picture(tmp_path: Path) -> None:
    rows = [
        doubtful_row("a,b.png", 1, "42", "+5"),
        Row("c.png", 1, error="broken"),
        Row("d.png", 1, plain_number("7", 1.0)),
        doubtful_row("=e.tif", 2, "007"),
    ]
    review = collect(tmp_path / "review", rows)
    assert review.count == 3
    table = parse_review(review.table.read_bytes(), "review.csv")
    assert [(row.file, row.page, row.field, row.reading) for row in table.values()] == [
        ("a,b.png", "1", "1", "42"),
        ("a,b.png", "1", "2", "+5"),
        ("=e.tif", "2", "1", "007"),
    ]
    first = table[2]
    assert (first.confidence, first.correction, first.doubtful) == ("0.5000", "", "??")
    assert (first.alternatives, json.loads(first.known)) == ("17 25.0%; -1 10.0%", {"digits": [1, 5]})
    with Image.open(tmp_path / "review" / first.crop) as crop:
        assert crop.size == (30, 20)
    page = review.page.read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "1 to 5 digits" in page
    assert "http" not in page
    content = write(rows, "json", "page")
    assert merge(content, "json", table).left == 3


def test_what_was_read_as_nothing_or_not_at_all_is_said(tmp_path: Path) -> None:
    row = doubtful_row("a.png", 1, "1", "2")
    empty, none = (replace(doubt, text=text) for doubt, text in zip(row.doubts, ("", None), strict=True))
    collect(tmp_path, [replace(row, doubts=(empty, none))])
    assert [reading for *_, reading in table_of(tmp_path)] == ["empty", "?"]


def test_without_doubts_the_page_says_so(tmp_path: Path) -> None:
    review = collect(tmp_path, [Row("d.png", 1, plain_number("7", 1.0))])
    assert "0 numbers to review" in review.page.read_text()
    assert table_of(tmp_path) == []


def test_a_review_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    collect(tmp_path, [doubtful_row("a.png", 1, "1")])
    with pytest.raises(DataError, match=r"review\.csv: already exists"):
        collect(tmp_path, [doubtful_row("a.png", 1, "1")])


def test_nothing_is_written_before_the_first_row(tmp_path: Path) -> None:
    review = ReviewFolder(tmp_path / "review", below=0.99, result=Path("rows.csv"))
    rows = review.collect([doubtful_row("a.png", 1, "1")])
    assert not review.is_begun
    assert list(tmp_path.iterdir()) == []
    next(rows)
    assert review.is_begun


@pytest.mark.parametrize("lost", [0, 1, 30])
def test_a_review_that_was_killed_goes_on(tmp_path: Path, lost: int) -> None:
    rows = [doubtful_row(f"{index}.png", 1, "1", "2") for index in range(3)]
    collect(tmp_path, rows[:2], page=False)
    table = tmp_path / "review.csv"
    table.write_bytes(table.read_bytes()[: table.stat().st_size - lost])
    again = rows[1:] if lost else rows[2:]  # what lost its row of results is read again
    collect(tmp_path, again, resume=True)
    assert table_of(tmp_path) == [(f"{index}.png", "1", str(n), str(n)) for index in range(3) for n in (1, 2)]
    assert len(list((tmp_path / "crops").iterdir())) == 6


def test_a_page_that_is_read_again_replaces_its_rows_and_corrections_of_others_stay(tmp_path: Path) -> None:
    collect(tmp_path, [doubtful_row("a.png", 1, "1", "2"), doubtful_row("b.png", 1, "3")])
    table = tmp_path / "review.csv"
    typed = parse_review(table.read_bytes(), "review.csv")
    table.write_text(format_review(replace(row, correction="007") for row in typed.values()))
    collect(tmp_path, [doubtful_row("a.png", 1, "4"), Row("c.png", 1, plain_number("7", 1.0))], resume=True)
    found = parse_review(table.read_bytes(), "review.csv")
    assert [(row.file, row.reading, row.correction) for row in found.values()] == [
        ("b.png", "3", "007"),
        ("a.png", "4", ""),
    ]
    assert {path.name for path in (tmp_path / "crops").iterdir()} == {
        Path(row.crop).name for row in found.values()
    }
