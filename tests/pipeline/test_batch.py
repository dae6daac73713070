"""From names to a file of results: formats, resuming, progress, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from number_prediction import BatchOptions, Predictor, digit_reader, read_to_file
from number_prediction.errors import DataError, ImageError
from number_prediction.images.decode import Page
from number_prediction.pipeline.batch import (
    BatchReader,
    BatchStart,
    BatchSummary,
    ClusterOptions,
    read_to_stream,
)
from number_prediction.pipeline.formats import Format
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row

EXAMPLES = Path(__file__).parents[2] / "examples"
LAYOUT = ColumnLayout({"grey": int}, lambda values: values, ("grey",), lambda values: [str(values["grey"])])


def read_grey(pages: Iterable[Page]) -> Iterator[dict[str, Any] | ImageError]:
    """A reader that takes no time: the mean grey of a page; it refuses black pages."""
    for page in pages:
        grey = int(page.mean())
        yield {"grey": grey} if grey else ImageError("black")


def grey_reader(**changes: Any) -> BatchReader:
    return BatchReader(**{"read": read_grey, "layout": LAYOUT, "settings": {"model": "a"}, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two grey pages, a black one, a broken file, and a text."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, grey in (("1.png", 10), ("2.png", 20), ("3.png", 0)):
        Image.new("L", (3, 2), grey).save(folder / name)
    (folder / "4.png").write_bytes(b"broken")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def greys_of(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [row["grey"] for row in csv.DictReader(stream, strict=True)]


def test_a_folder_of_digits_is_read_into_a_csv_and_resumed(tmp_path: Path) -> None:
    reader, path = digit_reader(Predictor()), tmp_path / "digits.csv"
    first = read_to_file(EXAMPLES / "seven.png", reader, path, resume=True)
    both = read_to_file([EXAMPLES / "seven.png", EXAMPLES / "blank.png"], reader, path, resume=True)
    assert (first.rows, both.rows, both.start.kept, both.failed) == (1, 1, 1, 0)
    with path.open(newline="") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == ["7", ""]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "txt"])
def test_the_suffix_names_the_format(folder: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    summary = read_to_file(folder, grey_reader(), path)
    assert summary == BatchSummary(BatchStart(skipped=1), rows=4, failed=2)
    stream = io.StringIO()
    output_format = Format.table if suffix == "txt" else Format(suffix)
    assert read_to_stream(folder, grey_reader(), stream, options=BatchOptions(output_format)) == summary
    assert path.read_text() == stream.getvalue()
    with pytest.raises(DataError, match="already exists"):
        read_to_file(folder, grey_reader(), path)


def test_an_interrupted_batch_keeps_its_rows_and_is_resumed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def interrupt(rows: Iterable[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            if number == 2:
                raise KeyboardInterrupt
            yield row

    with pytest.raises(KeyboardInterrupt):
        read_to_file(folder, grey_reader(), path, watch=[interrupt])
    assert greys_of(path) == ["10", "20"]
    Image.new("L", (3, 2), 11).save(folder / "1.png")
    starts: list[BatchStart] = []
    summary = read_to_file(folder, grey_reader(), path, resume=True, on_start=starts.append)
    assert starts == [BatchStart(skipped=1, kept=1, changed=1)]
    assert summary == BatchSummary(starts[0], rows=3, failed=2)
    assert greys_of(path) == ["20", "11", "", ""]


def test_rows_are_watched_on_their_way(folder: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def watch(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            seen.append(Path(row.path).name)
            yield row

    read_to_file(folder, grey_reader(), tmp_path / "rows.json", watch=[watch])
    assert seen == ["1.png", "2.png", "3.png", "4.png"]
    assert [row["page"] for row in json.loads((tmp_path / "rows.json").read_text())] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("reader", "options", "words"),
    [
        (grey_reader(settings={"model": "b"}), BatchOptions(), "another model;"),
        (grey_reader(), BatchOptions(dpi=100), "another dpi;"),
        (grey_reader(), BatchOptions(settings={"review": "a"}), "another review;"),
    ],
)
def test_a_batch_is_resumed_with_the_same_settings_only(
    folder: Path, tmp_path: Path, reader: BatchReader, options: BatchOptions, words: str
) -> None:
    path = tmp_path / "rows.csv"
    read_to_file(folder, grey_reader(), path)
    with pytest.raises(DataError, match=f"rows.csv: started with {words} repeat the settings"):
        read_to_file(folder, reader, path, resume=True, options=options)
    assert read_to_file(folder, grey_reader(), path, resume=True).start.kept == 4


@pytest.mark.parametrize(
    ("name", "reader", "options"),
    [
        ("rows.json", grey_reader(), BatchOptions()),
        ("rows.csv", grey_reader(needs_all_pages=True), BatchOptions()),
        ("rows.csv", grey_reader(), BatchOptions(cluster=ClusterOptions())),
    ],
)
def test_what_cannot_be_resumed_is_refused_before_anything_is_read(
    folder: Path, tmp_path: Path, name: str, reader: BatchReader, options: BatchOptions
) -> None:
    with pytest.raises(DataError, match="cannot be resumed; only CSV and JSON Lines"):
        read_to_file(folder, reader, tmp_path / name, resume=True, options=options)
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rows", BatchOptions(), "rows: unknown suffix; use one of .txt, .json"),
        ("rows.csv", BatchOptions(Format.json), "the suffix means csv, but the format is json"),
        ("nowhere/rows.csv", BatchOptions(), "nowhere: no such folder; create it"),
        ("nowhere/rows.json", BatchOptions(), "nowhere: no such folder; create it"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(
    folder: Path, tmp_path: Path, name: str, options: BatchOptions, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_to_file(folder, grey_reader(), tmp_path / name, options=options)


def test_parquet_needs_a_file(folder: Path) -> None:
    with pytest.raises(DataError, match="use read_to_file"):
        read_to_stream(folder, grey_reader(), io.StringIO(), options=BatchOptions(Format.parquet))
