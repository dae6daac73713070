"""CSV files of pictures as in Kaggle's Digit Recognizer: read right, or an error that names the mend."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from number_prediction.datasets import digit_csv
from number_prediction.datasets.digit_csv import read_digit_csv
from number_prediction.datasets.load import find_csv, load_dataset, load_evaluation_split
from number_prediction.datasets.split import Splits
from number_prediction.errors import DataError
from tests.conftest import CommandLine


def csv_text(images: NDArray[np.integer], labels: object = None, *, first: int = 0) -> str:
    """The layout of train.csv, or without labels of test.csv."""
    names = [f"pixel{number}" for number in range(first, first + images[0].size)]
    rows = images.reshape(len(images), -1).tolist()
    if labels is not None:
        names = ["label", *names]
        rows = [[label, *row] for label, row in zip(np.asarray(labels).tolist(), rows, strict=True)]
    return "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n"


def numbered_images(count: int, side: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, side, side), np.uint8)


@pytest.fixture
def kaggle(tmp_path: Path, mnist: Splits) -> Path:
    """A folder as Kaggle's: 800 pictures of MNIST with labels, 60 without."""
    folder = tmp_path / "digit-recognizer"
    folder.mkdir()
    (folder / "train.csv").write_text(csv_text(mnist.train.images[:800], mnist.train.labels[:800]))
    (folder / "test.csv").write_text(csv_text(mnist.test.images[:60]))
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    return folder


# What is read


def test_pictures_and_labels_are_read_as_they_are(kaggle: Path, mnist: Splits) -> None:
    table = read_digit_csv(kaggle / "train.csv")
    np.testing.assert_array_equal(table.images, mnist.train.images[:800])
    np.testing.assert_array_equal(table.labels, mnist.train.labels[:800])
    assert table.images.dtype == np.uint8
    test = read_digit_csv(kaggle / "test.csv")
    np.testing.assert_array_equal(test.images, mnist.test.images[:60])
    assert test.labels is None


@pytest.mark.parametrize("source", ["folder", "file"])
def test_a_set_without_a_test_part_is_divided_and_stratified(source: str, kaggle: Path) -> None:
    path = kaggle if source == "folder" else kaggle / "train.csv"
    splits = load_dataset(path)
    assert [len(part) for part in splits] == [611, 56, 133]
    assert splits.train.classes == tuple("0123456789")
    counts = [np.bincount(part.labels, minlength=10) for part in splits]
    assert (np.abs(counts[2] - sum(counts) / 6) < 1).all()
    whole = load_evaluation_split(path, "test", divided=False)
    assert len(whole) == 800
    assert find_csv(path) == kaggle / "train.csv"


def test_a_test_file_with_labels_is_the_test_part(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(csv_text(numbered_images(60), np.arange(60) % 3))
    (tmp_path / "test.csv").write_text(csv_text(numbered_images(9), np.arange(9) % 3))
    splits = load_dataset(tmp_path)
    np.testing.assert_array_equal(splits.test.images, numbered_images(9))
    assert len(load_dataset(tmp_path / "train.csv").test) == 10  # the file alone is divided


def test_labels_are_any_whole_numbers_and_name_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "letters.CSV"
    path.write_text(csv_text(numbered_images(40), [-3, 0, 12, 700] * 10))
    assert load_dataset(path).train.classes == ("-3", "0", "12", "700")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.rstrip("\n"), id="unfinished last line"),
        pytest.param(lambda text: text.replace("\n", "\n\n  \n"), id="empty lines"),
        pytest.param(lambda text: text.replace(",", ", "), id="spaces"),
        pytest.param(lambda text: re.sub(r"(\w+)", r'"\1"', text), id="quotes"),
        pytest.param(lambda text: text.replace("label", "Label").replace("pixel", "Pixel"), id="capitals"),
    ],
)
def test_files_as_other_programs_save_them(change: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(change(csv_text(numbered_images(5), range(5))).encode())
    table = read_digit_csv(path)
    np.testing.assert_array_equal(table.images, numbered_images(5))
    assert table.labels is not None
    assert table.labels.tolist() == [0, 1, 2, 3, 4]


def test_the_label_may_stand_last_and_pixels_may_count_from_one(tmp_path: Path) -> None:
    lines = csv_text(numbered_images(5), range(5), first=1).splitlines()
    path = tmp_path / "train.csv"
    path.write_text("\n".join(",".join([*line.split(",")[1:], line.split(",")[0]]) for line in lines))
    table = read_digit_csv(path)
    np.testing.assert_array_equal(table.images, numbered_images(5))
    assert table.labels is not None
    assert table.labels.tolist() == [0, 1, 2, 3, 4]


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30), st.booleans())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, side: int, labels: list[int], labelled: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    images = numbered_images(len(labels), side)
    path.write_text(csv_text(images, labels if labelled else None))
    table = read_digit_csv(path)
    np.testing.assert_array_equal(table.images, images)
    assert (table.labels is not None) == labelled
    assert table.labels is None or table.labels.tolist() == labels


def test_many_pictures_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digit_csv, "_CHUNK_CELLS", 70)
    path = tmp_path / "train.csv"
    path.write_text(csv_text(numbered_images(50), range(50)))
    np.testing.assert_array_equal(read_digit_csv(path).images, numbered_images(50))
    path.write_text(csv_text(numbered_images(50), range(50)).replace("\n49,", "\n49,x"))
    with pytest.raises(DataError, match="line 51, column pixel0: 'x"):
        read_digit_csv(path)


def test_other_sets_with_a_train_csv_are_what_they_were(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        for number in range(12):
            Image.new("L", (4, 4)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "train.csv").write_text("file,label\n0/0.png,0\n")
    assert find_csv(tmp_path) is None
    assert len(load_evaluation_split(tmp_path, "all", divided=False)) == 24
    (tmp_path / "train.csv").write_text(csv_text(numbered_images(40), np.arange(40) % 4))
    assert len(load_dataset(tmp_path).train.classes) == 4  # whatever folders stand beside it


# What is wrong

GOOD = csv_text(numbered_images(6, 2), [0, 1, 0, 1, 0, 1])
HEADER = GOOD.splitlines()[0]


def broken(line: str) -> bytes:
    """A good file with another third line."""
    return f"{HEADER}\n0,1,2,3,4\n{line}\n1,5,6,7,8\n".encode()


MALFORMED = {
    "empty file": (b"", "the file is empty.*download"),
    "empty line first": (b"\n" + GOOD.encode(), "begins with an empty line"),
    "header only": (HEADER.encode(), "a header but no pictures; download"),
    "header and empty lines": (f"{HEADER}\n\n\n".encode(), "a header but no pictures"),
    "no square": (b"9,1,2,3,4,7,8\n", "7 columns without names, not a square.*write label"),
    "other columns": (b"file,label\na.png,3\n", "line 1 is 'file,label', not the names"),
    "no label": (csv_text(numbered_images(6, 2)).encode(), "no column of labels; give a file with one"),
    "labels only": (b"label\n1\n", "line 1 is 'label', not the names"),
    "semicolons": (GOOD.replace(",", ";").encode(), "line 1 is 'label;pixel0.*label,pixel0,pixel1"),
    "five pixels": (b"label,pixel0,pixel1,pixel2,pixel3,pixel4\n", "line 1 names 5 pixels.*give 4 or 9"),
    "label twice": (b"label,pixel0,label\n", "line 1 names 'label' twice, in columns 1 and 3; remove one"),
    "pixel twice": (b"label,pixel0,pixel1,pixel1\n", "line 1 names 'pixel1' twice, in columns 3 and 4"),
    "pixel missing": (
        b"label,pixel0,pixel2\n",
        "line 1, column 3 is named 'pixel2' instead of pixel1; keep",
    ),
    "pixels shuffled": (
        b"label,pixel0,pixel10\n",
        "line 1, column 3 is named 'pixel10' instead of pixel1",
    ),
    "name missing": (b"label,pixel0,,pixel2,pixel3\n", "line 1, column 3 is named '' instead of pixel1"),
    "text": (broken("1,1,x,3,4"), "line 3, column pixel1: 'x' is not a whole number; correct the cell"),
    "text as label": (broken("seven,1,2,3,4"), "line 3, column label: 'seven' is not a whole number"),
    "truth": (broken("1,1,True,3,4"), "line 3, column pixel1: 'True' is not a whole number"),
    "float": (broken("1,1,2.5,3,4"), "line 3, column pixel1: '2.5' is not a whole number"),
    "NaN": (broken("1,1,nan,3,4"), "line 3, column pixel1: 'nan' is not a whole number"),
    "infinity": (broken("1,1,inf,3,4"), "line 3, column pixel1: 'inf' is not a whole number"),
    "blank cell": (broken("1,1,,3,4"), "line 3, column pixel1: empty; correct the cell or remove the line"),
    "blank label": (broken(",1,2,3,4"), "line 3, column label: empty"),
    "spaces": (broken("1,1,   ,3,4"), "line 3, column pixel1: empty"),
    "commas only": (broken(",,,,"), "line 3, column label: empty"),
    "too light": (broken("1,1,256,3,4"), "line 3, column pixel1: '256' is not a grey value from 0 to 255"),
    "negative": (broken("1,1,2,3,-1"), "line 3, column pixel3: '-1' is not a grey value from 0 to 255"),
    "enormous": (broken(f"1,1,{'9' * 30},3,4"), "line 3, column pixel1: '9{30}' is not a grey value"),
    "endless": (broken(f"1,1,{'9' * 5000},3,4"), "line 3, column pixel1: '9{40}...' is not a whole number"),
    "enormous label": (
        broken(f"{2**63},1,2,3,4"),
        "line 3, column label: '9223372036854775808' is too large",
    ),
    "row too short": (broken("1,1,2,3"), "line 3: 4 cells, but line 1 names 5 columns; correct or remove"),
    "row too long": (broken("1,1,2,3,4,5"), "line 3: 6 cells, but line 1 names 5 columns"),
    "much too long": (broken("1,1,2,3,4,5,6,7,8"), "line 3: 9 cells, but line 1 names 5 columns"),
    "comma at the end": (broken("1,1,2,3,4,"), "line 3: 6 cells, but line 1 names 5 columns"),
    "first row too long": (f"{HEADER}\n0,1,2,3,4,5\n1,5,6,7,8\n".encode(), "line 2: 6 cells"),
    "all rows too long": (f"{HEADER}\n0,1,2,3,4,5\n1,5,6,7,8,9\n".encode(), "line 2: 6 cells"),
    "cut off": (GOOD[:-4].encode(), "line 7: [34] cells, but line 1 names 5 columns"),
    "quote left open": (broken('1,"1,2,3,4'), "line [34].*"),
    "zero bytes": (broken("1,1,2\0,3,4"), "line 3, column pixel1: '2.x00' is not a whole number"),
    "no UTF-8": (broken("1,1,2,3,4").replace(b"4\n1,1", b"\xff\n1,1"), "line 2, column pixel3: "),
    "one class": (
        csv_text(numbered_images(9, 2), [7] * 9).encode(),
        "only one class; give at least two",
    ),
    "257 classes": (csv_text(numbered_images(257, 1), range(257)).encode(), "257 classes; give at most 256"),
    "two pictures": (b"label,pixel0\n0,3\n1,4\n", "the class .* has no training pictures"),
    "binary": (
        bytes(range(256)) * 40,
        "line 1 does not name columns; give an uncompressed CSV file in UTF-8",
    ),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(300), "line 1 does not name columns"),
    "archive": (b"PK\3\4" + bytes(300), "line 1 does not name columns.*uncompressed"),
    "UTF-16": (GOOD.encode("utf-16"), "line 1 does not name columns; give an uncompressed CSV file in UTF-8"),
    "one endless line": (b"label,pixel0," * 200_000, "line 1 does not name columns"),
    "web page": (b"<html>404 Not Found</html>\n", "line 1 is '<html>404 Not Found</html>', not the names"),
    "binary below the header": (f"{HEADER}\n".encode() + bytes(range(256)) * 9, "line 2"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("source", ["folder", "file"])
def test_malformed_files_are_named_with_a_mend(name: str, source: str, tmp_path: Path) -> None:
    content, message = MALFORMED[name]
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=f"^{re.escape(str(path) if source == 'file' else str(tmp_path))}"
    ) as caught:
        load_dataset(path if source == "file" else tmp_path)
    assert re.search(message, str(caught.value))
    assert "; " in str(caught.value)


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=f"^{re.escape(str(tmp_path))}: Is a directory; give the path of a CSV"
    ):
        read_digit_csv(tmp_path)
    with pytest.raises(DataError, match=r"missing.csv: No such file .*; give the path of a CSV file"):
        read_digit_csv(tmp_path / "missing.csv")
    with pytest.raises(DataError, match=r"missing.csv: no such folder; give .* or a CSV file"):
        load_dataset(tmp_path / "missing.csv")
    (tmp_path / "data" / "train.csv").mkdir(parents=True)
    with pytest.raises(DataError, match=r"train.csv: the class has no pictures; add some"):
        load_dataset(tmp_path / "data")


def test_a_damaged_test_file_is_no_reason_to_guess(kaggle: Path) -> None:
    (kaggle / "test.csv").write_bytes(bytes(100))
    with pytest.raises(DataError, match=r"test.csv: line 1 does not name columns"):
        load_dataset(kaggle)


def test_more_than_memory_could_take_is_refused_before_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train.csv"
    path.write_text(GOOD)
    monkeypatch.setattr(digit_csv, "MAX_DATA_BYTES", 6 * 4)
    assert len(read_digit_csv(path).images) == 6
    path.write_text(GOOD + "0,1,2,3,4\n")
    with pytest.raises(DataError, match=r"7 pictures of 2x2 take 28 bytes, more than 24; divide the file"):
        read_digit_csv(path)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([*'0123456789,,,,\n\n\r" .-ex', "255", "256", "\0"])).map(
        lambda parts: f"label,pixel0\n{''.join(parts)}".encode()
    )
)
def test_any_bytes_give_pictures_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_bytes(content)
    try:
        table = read_digit_csv(path)
    except DataError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017 - most examples raise, some may not
        return
    if table.labels is None:  # the first line is a picture of one pixel
        return
    assert len(table.images) == len(table.labels)
    lines = [line.split(",") for line in content.decode().split("\n")[1:] if line.strip()]
    if content.startswith(b"label,"):
        assert [float(cells[0].strip().strip('"')) for cells in lines] == table.labels.tolist()


def test_without_pandas_the_command_that_installs_it_is_named(kaggle: Path) -> None:
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from number_prediction import MissingExtraError, load_dataset\n"
        "try:\n    load_dataset(sys.argv[1])\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, kaggle], check=True, capture_output=True, text=True)
    assert "pandas" in done.stdout
    assert "pip install 'number-prediction[train]'" in done.stdout


@pytest.mark.parametrize("command", ["train", "explore", "labels"])
def test_a_malformed_file_leaves_no_folder(command: str, command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(broken("1,1,x,3,4"))
    data = ("--data",) if command == "train" else ()
    done = command_line(command, *data, "train.csv", "--output", "out")
    assert done.returncode == 1
    assert b"error: train.csv: line 3, column pixel1: 'x' is not a whole number" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]
