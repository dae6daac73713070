"""Files of results that a killed batch goes on with: no row lost, none doubled, none outdated."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from number_prediction.errors import DataError, ImageError
from number_prediction.images.decode import Page
from number_prediction.images.sources import find_sources
from number_prediction.pipeline.journal import Journal, journal_manifest_path
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row, read_sources

LAYOUT = ColumnLayout(
    columns={"grey": int}, flatten=lambda values: values, headings=("grey",), show=lambda _: [""]
)
FORMATS = ("jsonl", "csv")
ODD_NAMES = ("a,b.png", 'quo"te.png', "two\nlines.png", "re\rturn.png", "\udcff.png", "ä.png", "=1+1.png")


def read_grey(pages: Iterable[Page]) -> Iterator[dict[str, Any] | ImageError]:
    """A reader that takes no time: the mean grey of a page; black pages it refuses."""
    for page in pages:
        grey = int(page.mean())
        yield {"grey": grey} if grey else ImageError("a black page, with a comma")


def read_into(
    path: Path,
    folder: Path,
    *,
    resume: bool = True,
    kind: str | None = None,
    rows: int | None = None,
    **other: Any,
) -> Journal:
    """Read a folder to a file; `rows`: stop after so many, as if killed; `other`: settings."""
    names = find_sources([str(folder)]).names
    kind = kind or path.suffix[1:]
    with Journal(path, names, output_format=kind, layout=LAYOUT, settings=other, resume=resume) as journal:
        for row in islice(read_sources(names, read_grey, finished=journal.finished), rows):
            journal.add(row)
    return journal


def rows_of(path: Path) -> list[tuple[str, int, int | None]]:
    """Name, page and grey (None: an error) of each row."""
    if path.suffix == ".jsonl":
        read = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            read = list(csv.DictReader(stream, strict=True))
    assert all(bool(row.get("error")) == (row.get("grey") in (None, "")) for row in read)
    return [
        (Path(row["path"]).name, int(row["page"]), None if row.get("error") else int(row["grey"]))
        for row in read
    ]


def fill(folder: Path) -> Path:
    """Six sources with nine rows, of which two are errors, and one row is of a page that is refused."""
    folder.mkdir()
    for name, grey in (("1.png", 10), ("9.png", 90), ("10,b.png", 100)):
        Image.new("L", (3, 2), grey).save(folder / name)
    pages = [Image.new("L", (3, 2), grey) for grey in (20, 0, 40, 50)]
    pages[0].save(folder / "2.tif", save_all=True, append_images=pages[1:])
    (folder / "3.png").write_bytes(b"broken")
    Image.new("L", (3, 2), 40).save(folder / "4\n.png")
    return folder


ROWS = [
    ("1.png", 1, 10),
    *(("2.tif", page, grey) for page, grey in ((1, 20), (2, None), (3, 40), (4, 50))),
    ("3.png", 1, None),
    ("4\n.png", 1, 40),
    ("9.png", 1, 90),
    ("10,b.png", 1, 100),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "pictures")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_batch_in_one_go(kind: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{kind}"
    journal = read_into(path, folder, resume=False)
    assert rows_of(path) == ROWS
    assert (journal.kept, journal.failed, journal.changed) == (0, 2, 0)
    content = path.read_bytes()
    again = read_into(path, folder)
    assert path.read_bytes() == content
    assert (again.kept, again.failed, again.changed) == (9, 2, 0)


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_off_at_any_byte_a_file_is_completed_to_the_same_bytes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        Row("a.tif", 1, {"grey": 7}),
        Row("a.tif", 2, error="cut, off"),
        Row("ä\n,.png", 1, {"grey": 9}),
    ]
    for row in rows:
        Path(row.path).touch()
    path = Path(f"rows.{kind}")

    def complete() -> None:
        names = sorted({row.path for row in rows})
        with Journal(path, names, output_format=kind, layout=LAYOUT, settings={}, resume=True) as journal:
            for row in rows:
                if row.page not in journal.finished[row.path]:
                    journal.add(row)
        assert journal.failed == 1

    complete()
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete()
        assert path.read_bytes() == whole


@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 90)), max_size=6))
@settings(max_examples=25, deadline=None)
def test_killed_again_and_again_nothing_is_lost_or_doubled(kind: str, kills: list[tuple[int, int]]) -> None:
    """Each kill comes after so many rows and takes so many bytes of the last ones with it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"rows.{kind}"
        folder = fill(Path(place) / "pictures")
        for count, lost in kills:
            read_into(path, folder, rows=count)
            os.truncate(path, max(0, path.stat().st_size - lost))
        read_into(path, folder)
        assert rows_of(path) == ROWS


@pytest.mark.parametrize("kind", FORMATS)
def test_a_manifest_that_was_cut_off_costs_time_but_no_row(kind: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{kind}"
    read_into(path, folder, resume=False)
    whole = journal_manifest_path(path).read_bytes()
    for length in range(len(whole.splitlines(keepends=True)[0]), len(whole), 101):
        journal_manifest_path(path).write_bytes(whole[:length])
        read_into(path, folder)
        assert read_into(path, folder).kept == len(ROWS)
        assert sorted(rows_of(path), key=str) == sorted(ROWS, key=str)


PROGRAM = """
import sys, time
from pathlib import Path
from number_prediction.pipeline.journal import Journal
from number_prediction.pipeline.rows import Row, read_sources
from number_prediction.images.sources import find_sources
from number_prediction.pipeline.layouts import ColumnLayout

def read_slowly(pages):
    for page in pages:
        time.sleep(0.001)
        yield {"grey": int(page.mean())}

path, folder = map(Path, sys.argv[1:])
names = find_sources([str(folder)]).names
layout = ColumnLayout({"grey": int}, lambda values: values, ("grey",), lambda values: [""])
print("begins", flush=True)
with Journal(path, names, output_format=path.suffix[1:], layout=layout, settings={}, resume=True) as journal:
    for row in read_sources(names, read_slowly, finished=journal.finished):
        journal.add(row)
"""


@pytest.mark.parametrize("kind", FORMATS)
def test_a_real_kill_at_any_moment_loses_no_row_that_was_there(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(120):
        Image.fromarray(np.full((2, 3), number + 1, np.uint8)).save(folder / f"{number}.png")
    path = tmp_path / f"rows.{kind}"
    chance = random.Random(kind)
    there = b""
    for is_killed in (True, True, True, False):
        command = [sys.executable, "-c", PROGRAM, path, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            if is_killed:
                time.sleep(chance.uniform(0, 0.05))
                process.kill()
        assert process.returncode == (-signal.SIGKILL if is_killed else 0)
        content = path.read_bytes() if path.exists() else b""
        assert content.startswith(there)
        there = content[: content.rfind(b"\n") + 1]
    assert rows_of(path) == [(f"{number}.png", 1, number + 1) for number in range(120)]


@pytest.mark.parametrize("kind", FORMATS)
def test_odd_names_are_known_again(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(ODD_NAMES, 1):
        Image.new("L", (3, 2), number).save(folder / name, "PNG")
    path = tmp_path / f"rows.{kind}"
    read_into(path, folder, rows=4)
    assert read_into(path, folder).kept == 4
    assert sorted(grey for _, _, grey in rows_of(path) if grey) == list(range(1, len(ODD_NAMES) + 1))
    content = path.read_bytes()
    assert read_into(path, folder).kept == len(ODD_NAMES)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", FORMATS)
def test_files_that_changed_are_read_again_and_their_old_rows_go(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"rows.{kind}"
    read_into(path, folder, resume=False)
    Image.new("L", (3, 2), 33).save(folder / "3.png")  # mended
    pages = [Image.new("L", (3, 2), grey) for grey in (21, 22)]
    pages[0].save(folder / "2.tif", save_all=True, append_images=pages[1:])
    Image.new("L", (3, 2), 5).save(folder / "5.png")  # new
    (folder / "9.png").unlink()
    journal = read_into(path, folder)
    assert (journal.kept, journal.changed, journal.failed) == (4, 2, 0)
    kept = [row for row in ROWS if row[0] not in ("2.tif", "3.png")]
    assert rows_of(path) == [*kept, ("2.tif", 1, 21), ("2.tif", 2, 22), ("3.png", 1, 33), ("5.png", 1, 5)]
    assert read_into(path, folder).changed == 0


def test_a_file_that_is_gone_keeps_its_row_and_one_that_comes_gets_its_own(tmp_path: Path) -> None:
    path, picture = tmp_path / "rows.csv", tmp_path / "one.png"

    def read() -> tuple[int, list[tuple[str, int, int | None]]]:
        with Journal(
            path, [str(picture)], output_format="csv", layout=LAYOUT, settings={}, resume=True
        ) as journal:
            for row in read_sources([str(picture)], read_grey, finished=journal.finished):
                journal.add(row)
        return journal.failed, rows_of(path)

    assert read() == (1, [("one.png", 1, None)])
    Image.new("L", (3, 2), 7).save(picture)
    assert read() == (0, [("one.png", 1, 7)])
    picture.unlink()
    assert read() == (0, [("one.png", 1, 7)])


def test_rows_that_a_person_removes_are_read_again(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    read_into(path, folder, resume=False)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for number, line in enumerate(lines) if number not in (0, 3)))
    assert read_into(path, folder).kept == 7
    assert sorted(rows_of(path), key=str) == sorted(ROWS, key=str)


def test_a_csv_that_a_spreadsheet_saved_is_resumed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    read_into(path, folder, rows=3)
    with path.open(newline="") as stream:
        cells = list(csv.reader(stream))
    with path.open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([*cells[:1], *reversed(cells[1:])])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_into(path, folder).kept == 3
    assert sorted(rows_of(path), key=str) == sorted(ROWS, key=str)


# What is refused


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_there_is_never_overwritten(kind: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{kind}"
    path.write_text("my own rows\n")
    with pytest.raises(DataError, match="already exists"):
        read_into(path, folder, resume=False)
    with pytest.raises(DataError, match=r"rows\..*\.manifest is missing"):
        read_into(path, folder)
    assert {entry.name for entry in tmp_path.iterdir()} == {"pictures", path.name}
    assert path.read_text() == "my own rows\n"


def test_another_model_or_other_options_are_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    read_into(path, folder, resume=False, model="a", top=1)
    content = path.read_bytes(), journal_manifest_path(path).read_bytes()
    for settings_, words in (
        ({"model": "b", "top": 2}, "model, top"),
        ({"model": "a"}, "top"),
        ({"model": "a", "top": 1, "kind": "jsonl"}, "format"),
        ({"model": "a", "top": 1, "dpi": 100}, "dpi"),
    ):
        with pytest.raises(DataError, match=f"another {words};"):
            read_into(path, folder, **settings_)
    assert (path.read_bytes(), journal_manifest_path(path).read_bytes()) == content


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("csv", b"only,three,cells\n"),
        ("csv", b"a.png,5,first,\n"),
        ("csv", b'a.png,"5"x,1,\n'),
        ("csv", b"a.png,5,1,\xff\n"),
        ("jsonl", b"\n"),
        ("jsonl", b"[]\n"),
        ("jsonl", b'{"path": "a.png"}\n'),
        ("jsonl", b'{"path": "a.png", "page": "1"}\n'),
    ],
)
def test_a_line_that_is_no_row_is_named_and_nothing_is_changed(
    kind: str, line: bytes, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"rows.{kind}"
    read_into(path, folder, rows=1)
    path.write_bytes(path.read_bytes() + line)
    content = path.read_bytes()
    with pytest.raises(DataError, match=f"line {len(content.splitlines())}: .*correct or remove"):
        read_into(path, folder)
    assert path.read_bytes() == content


def test_other_columns_are_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    read_into(path, folder, resume=False)
    path.write_bytes(path.read_bytes().replace(b"grey", b"gray", 1))
    with pytest.raises(DataError, match="columns are not path,grey,page,error"):
        read_into(path, folder)


@pytest.mark.parametrize(
    "content", [b"", b"[1]\n", b'{"version": 1', b"no JSON\n", b'{"version": 1}\n{"path": 1}\n']
)
def test_a_damaged_manifest_is_refused(content: bytes, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    read_into(path, folder, resume=False)
    journal_manifest_path(path).write_bytes(content)
    with pytest.raises(DataError, match="its manifest is damaged"):
        read_into(path, folder)


def test_stdin_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stdin"):
        Journal(tmp_path / "rows.csv", ["-"], output_format="csv", layout=LAYOUT, settings={}, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_write_one_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with (
        Journal(path, [], output_format="csv", layout=LAYOUT, settings={}),
        pytest.raises(DataError, match="another process is writing this file"),
    ):
        read_into(path, folder)
    read_into(path, folder)
    assert rows_of(path) == ROWS
