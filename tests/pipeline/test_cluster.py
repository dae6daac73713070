"""Reading on a Ray cluster: the same answers as without one, though workers and the driver are killed."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from number_prediction.datasets.split import Splits
from number_prediction.errors import ClusterError, DataError, ModelError
from number_prediction.evaluation.robustness import enlarge
from number_prediction.images.decode import Page
from number_prediction.pipeline.cluster import (
    MAX_ANSWER_ROWS,
    answer_batch,
    check_answers,
    make_batch,
    read_on_cluster,
)
from number_prediction.pipeline.parquet import Picture
from number_prediction.pipeline.ray_session import LOCAL, connected
from tests.conftest import CommandLine

COUNT = 2000
"""Pictures, besides broken ones."""
PATIENCE_S = 300
BROKEN = {"empty.png": b"", "text.png": b"no picture", "cut.png": b"\x89PNG\r\n\x1a\n\0\0"}

needs_pipes = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for a process in /proc")


def read_grey(pages: Iterable[Page]) -> Iterator[dict[str, int]]:
    """A reader that takes no time: the mean grey of a page."""
    for page in pages:
        yield {"grey": int(page.mean())}


@pytest.fixture(scope="module")
def pictures(mnist: Splits) -> list[bytes]:
    """MNIST test digits as PNG, enlarged, of ten sizes."""
    encoded = []
    for index, ink in enumerate(enlarge(np.asarray(mnist.test.images[:COUNT]))):
        stream = io.BytesIO()
        edge = 1 + index % 10
        page = Image.fromarray(np.rint(255 * (1 - ink[edge:-edge, edge:-edge])).astype(np.uint8))
        page.save(stream, "PNG", compress_level=1)
        encoded.append(stream.getvalue())
    return encoded


@pytest.fixture
def folder(pictures: list[bytes], tmp_path: Path) -> Path:
    """Forty of the pictures, and broken ones, as files."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, content in enumerate(pictures[:40]):
        (folder / f"{index}.png").write_bytes(content)
    for name, content in BROKEN.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def ray_here() -> Iterator[str]:
    """The address of a Ray that this process is connected to, for tests that need none of their own."""
    with connected(LOCAL, 2):
        import ray

        yield ray.get_runtime_context().gcs_address


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def assert_same(found: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    """The rows are the same, but for the last digits of numbers, which depend on what is read together."""
    for row, other in zip(found, expected, strict=True):
        numbers = {"confidence", "is_digit", "fit"} & row.keys()
        assert {key: row[key] for key in row if key not in numbers} == {
            key: other[key] for key in other if key not in numbers
        }
        for number in numbers:
            assert float(row[number] or 0) == pytest.approx(float(other[number] or 0), abs=1e-5)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command line as a process, which is killed where a test fails before its end."""
    command = [sys.executable, "-m", "number_prediction", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def open_for_reader(pipe: Path, process: subprocess.Popen[bytes]) -> int:
    """A handle to write to a named pipe, once somebody has opened it to read."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody yet
            time.sleep(0.2)
    raise AssertionError(process.stderr.read().decode() if process.poll() is not None else "nobody reads")


def wait_for_reader(pipe: Path, *, other_than: int | None = None) -> int:
    """The process that has a named pipe open to read, once it is another one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for found in readers_of(pipe) - {other_than}:
            return found
        time.sleep(0.2)
    raise AssertionError("nobody reads")


def readers_of(pipe: Path) -> set[int]:
    """Processes other than this one that have a file open."""
    found = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if handle.readlink() == pipe:
                found.add(int(handle.parts[2]))
        except OSError:  # it has ended since
            continue
    return found - {os.getpid()}


@pytest.mark.slow
@needs_pipes
def test_a_worker_killed_in_the_middle_loses_and_doubles_no_row(
    pictures: list[bytes], tmp_path: Path, command_line: CommandLine
) -> None:
    names = [f"{index}.png" for index in range(COUNT)]
    for name, content in [*zip(names, pictures, strict=True), *BROKEN.items()]:
        (tmp_path / name).write_bytes(content)
    for place, name in zip((0, 700, 1500, 2000), (*BROKEN, "missing.png"), strict=True):
        names.insert(place, name)
    pipe = tmp_path / "1040.png"
    content = pipe.read_bytes()
    pipe.unlink()
    os.mkfifo(pipe)  # a worker that reads it waits there, to be found and killed
    (tmp_path / "list.txt").write_text("\n".join(names))
    options = ("--cluster", "--workers", "2", "--output", "rows.csv")
    with running(tmp_path, "predict", "@list.txt", *options) as process:
        with os.fdopen(open_for_reader(pipe, process), "wb") as stream:
            killed = wait_for_reader(pipe)
            os.kill(killed, signal.SIGKILL)
            wait_for_reader(pipe, other_than=killed)
            assert not (tmp_path / "rows.csv").exists()
            stream.write(content)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out.decode(), err.decode()) == (1, "rows.csv\n", "")

    pipe.unlink()
    pipe.write_bytes(content)
    found = rows_of((tmp_path / "rows.csv").read_text())
    assert [row["path"] for row in found] == names
    assert_same(found, rows_of(command_line("predict", "@list.txt", "--format", "csv").stdout.decode()))
    assert sum(bool(row["error"]) for row in found) == len(BROKEN) + 1


@pytest.mark.slow
@needs_pipes
def test_a_killed_driver_leaves_no_file_and_no_worker(folder: Path, tmp_path: Path, ray_here: str) -> None:
    pipe = folder / "pipe.png"
    os.mkfifo(pipe)
    names = [f"pictures/{index}.png" for index in range(40)]
    (tmp_path / "list.txt").write_text("\n".join([*names, "pictures/pipe.png"]))
    arguments = ("predict", "@list.txt", "--cluster", "--address", ray_here, "--output", "rows.parquet")
    with running(tmp_path, *arguments) as process:
        handle = open_for_reader(pipe, process)
        wait_for_reader(pipe)
        process.kill()
    end = time.monotonic() + PATIENCE_S
    while readers_of(pipe) and time.monotonic() < end:
        time.sleep(0.2)
    assert not readers_of(pipe)
    os.close(handle)
    assert not (tmp_path / "rows.parquet").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_numbers_are_read_of_parquet_as_of_files(
    pictures: list[bytes], folder: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    pages = [Image.open(folder / f"{index}.png") for index in range(3)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    paths = ["pictures/7.png", "pictures/pages.tif", "pictures/7.png", "pictures/cut.png"]
    for name, scans in (
        ("1.parquet", [*pictures[:20], b"no picture", None]),
        ("2.parquet", [{"bytes": content, "path": "a.png"} for content in pictures[20:40]]),
        ("3.parquet", paths),
    ):
        columns = {"image": [1] * len(scans), "scan": scans}
        parquet.write_table(pyarrow.table(columns), tmp_path / name, row_group_size=9)
    arguments = ("read", "--digits", "1")
    options = ("--cluster", "--column", "scan", "--output", "rows.parquet")
    done = command_line(*arguments, "*.parquet", *options)
    assert done.returncode == 1, done.stderr.decode()
    found = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    ]
    for words in ("not a picture", "empty"):
        assert words in found.pop(20)["error"]
    plain = {
        (row["path"], row["page"]): row
        for row in rows_of(command_line(*arguments, "pictures", "--format", "csv").stdout.decode())
    }
    expected = [
        *((f"1.parquet#{index}", f"pictures/{index}.png", "1") for index in range(20)),
        *((f"2.parquet#{index}", f"pictures/{20 + index}.png", "1") for index in range(20)),
        *((path, path, page) for path in paths for page in ("123" if "tif" in path else "1")),
    ]
    assert_same(found, [{**plain[path, page], "path": name} for name, path, page in expected])


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_a_folder_is_read_as_without_a_cluster(
    pictures: list[bytes], tmp_path: Path, command_line: CommandLine
) -> None:
    (tmp_path / "few").mkdir()
    for name, content in (("2.png", pictures[0]), ("1.png", pictures[1]), ("broken.png", b"no picture")):
        (tmp_path / "few" / name).write_bytes(content)
    done = command_line("predict", "few", "--cluster", "--output", "rows.csv")
    assert done.returncode == 1, done.stderr.decode()
    plain = command_line("predict", "few", "--format", "csv")
    assert_same(rows_of((tmp_path / "rows.csv").read_text()), rows_of(plain.stdout.decode()))


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_what_a_reader_raises_is_raised(folder: Path) -> None:
    def refuse(pages: Iterable[Page]) -> Iterator[dict[str, int]]:
        yield {"grey": int(next(iter(pages)).mean())}
        raise ModelError("answers with NaN")

    with pytest.raises(ModelError, match=r"^answers with NaN$"):
        list(read_on_cluster([str(folder / f"{index}.png") for index in range(9)], refuse, workers=1))


@pytest.mark.parametrize("count", [MAX_ANSWER_ROWS - 1, MAX_ANSWER_ROWS, 2 * MAX_ANSWER_ROWS + 1])
def test_a_document_of_many_pages_is_answered_bit_by_bit(tmp_path: Path, count: int) -> None:
    pages = [Image.new("L", (8, 8), index) for index in range(count)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    content = (tmp_path / "pages.tif").read_bytes()
    names = [str(tmp_path / "pages.tif"), "b.parquet#0"]
    batch = make_batch(0, [Picture(names[0], None), Picture(names[1], content)])
    answers = list(answer_batch(batch, read_grey))
    assert len(answers) == 2 * count // MAX_ANSWER_ROWS + 1
    assert [(row.path, row.page, row.values["grey"]) for row in check_answers(answers, 2)] == [
        (name, index + 1, index) for name in names for index in range(count)
    ]


def test_answers_that_are_lost_or_doubled_are_noticed() -> None:
    stream = io.BytesIO()
    pages = [Image.new("L", (8, 8), index) for index in range(MAX_ANSWER_ROWS + 1)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    batches = [make_batch(first, [Picture("x.tif", stream.getvalue())]) for first in range(2)]
    answers = [answer for batch in batches for answer in answer_batch(batch, read_grey)]
    assert len(answers) == 4
    assert len(list(check_answers(answers, 2))) == 2 * len(pages)
    for wrong in (answers[1:], answers[:3], answers[:2], answers[::-1], [answers[0], *answers], answers[::3]):
        with pytest.raises(ClusterError, match="read again"):
            list(check_answers(wrong, 2))


def test_what_cannot_be_read_together_is_refused(tmp_path: Path) -> None:
    parquet.write_table(
        pyarrow.table({"path": pyarrow.array([], pyarrow.string())}), tmp_path / "none.parquet"
    )
    table = str(tmp_path / "none.parquet")
    assert list(read_on_cluster([], read_grey)) == list(read_on_cluster([table], read_grey)) == []
    for names, column, message in (
        (["-"], None, "stdin cannot be read on a cluster"),
        ([table, "a.png"], None, "cannot be mixed"),
        (["a.png"], "scan", "--column scan"),
    ):
        with pytest.raises(DataError, match=message):
            list(read_on_cluster(names, read_grey, column=column))


def test_no_cluster_at_the_address_is_said(command_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    done = command_process(
        "predict", "x.png", "--cluster", "--address", "127.0.0.1:1", "--output", "rows.csv"
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no Ray cluster answers at 127.0.0.1:1" in done.stderr
    assert b"without --address" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
