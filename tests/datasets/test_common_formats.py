"""Data sets as people download them -> the same pictures and labels as MNIST gives."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from number_prediction.datasets.load import canonical_source, load_dataset, load_evaluation_split
from number_prediction.datasets.split import Split, Splits
from number_prediction.errors import DataError
from tests.datasets.test_load import write_idx, write_pictures

COUNT = 240


@pytest.fixture
def digits(mnist: Splits) -> Split:
    """Pictures of MNIST with labels."""
    return mnist.train.select(slice(COUNT))


def require_same(path: Path | str, digits: Split) -> None:
    whole = load_evaluation_split(path, "all", divided=False)
    np.testing.assert_array_equal(whole.images, digits.images)
    np.testing.assert_array_equal(whole.labels, digits.labels)
    assert len(load_dataset(path).train) > COUNT / 2


def rows_of(digits: Split) -> NDArray[np.float64]:
    """(N, 785): label, then the pixels."""
    return np.column_stack([digits.labels, np.asarray(digits.images).reshape(len(digits), -1)]).astype(float)


def text_of(rows: NDArray[np.float64], header: list[str] | None = None, form: str = "%d") -> str:
    lines = [",".join(header)] if header else []
    return "\n".join(lines + [",".join(form % cell for cell in row) for row in rows]) + "\n"


PLACES = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
PIXELS = [f"pixel{number}" for number in range(784)]
LAYOUTS: dict[str, Callable[[NDArray[np.float64]], str]] = {
    "mnist-in-csv": lambda rows: text_of(rows, ["label", *PLACES]),
    "no header": text_of,
    "no header, label last": lambda rows: text_of(np.roll(rows, -1, axis=1)),
    "no header, index": lambda rows: text_of(np.column_stack([np.arange(len(rows)), rows])),
    "index of pandas": lambda rows: text_of(
        np.column_stack([np.arange(len(rows)), rows]), ["", "label", *PIXELS]
    ),
    "numbers as names": lambda rows: text_of(rows, [str(number) for number in range(785)]),
    "class last": lambda rows: text_of(np.roll(rows, -1, axis=1), [*PIXELS, "class"]),
    "whole floats": lambda rows: text_of(rows, ["label", *PIXELS], "%.1f"),
    "shares": lambda rows: text_of(
        np.column_stack([rows[:, :1], rows[:, 1:] / 255]), ["label", *PIXELS], "%.5g"
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_csv_files_of_other_layouts(layout: str, digits: Split, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text(LAYOUTS[layout](rows_of(digits)))
    require_same(path, digits)


def test_a_compressed_csv_file_and_a_pair_with_a_prefix(digits: Split, tmp_path: Path) -> None:
    content = text_of(rows_of(digits)).encode()
    (tmp_path / "mnist_train.csv.gz").write_bytes(gzip.compress(content))
    require_same(tmp_path / "mnist_train.csv.gz", digits)
    (tmp_path / "mnist_test.csv").write_bytes(content)
    np.testing.assert_array_equal(load_dataset(tmp_path).test.images, digits.images)


def test_a_fraction_above_one_is_an_error(digits: Split, tmp_path: Path) -> None:
    rows = rows_of(digits)
    rows[3, 5] = 2.5
    (tmp_path / "odd.csv").write_text(text_of(rows, ["label", *PIXELS], "%g"))
    with pytest.raises(DataError, match=r"line 5, column pixel4: '2.5' is not a whole number"):
        load_dataset(tmp_path / "odd.csv")


def test_emnist_is_turned_by_its_name_and_other_sets_by_request(digits: Split, tmp_path: Path) -> None:
    swapped = Split(np.asarray(digits.images).swapaxes(1, 2), digits.labels, digits.classes)
    content = text_of(rows_of(swapped))
    (tmp_path / "emnist-digits-train.csv").write_text(content)
    require_same(tmp_path / "emnist-digits-train.csv", digits)
    require_same(tmp_path, digits)
    other = tmp_path / "other.csv"
    other.write_text(content)
    require_same(f"transposed:{other}", digits)
    assert canonical_source(f"transposed:{other}") == f"transposed:{other.resolve()}"
    assert canonical_source(other) == str(other.resolve())
    with pytest.warns(UserWarning, match="rows and columns of the pictures look swapped.*--transposed"):
        load_dataset(other)


@pytest.mark.parametrize("form", ["Keras", "MedMNIST", "shares"])
def test_npz_files(form: str, digits: Split, tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    images: NDArray[np.generic] = np.asarray(digits.images)
    labels, half = digits.labels, COUNT // 2
    if form == "MedMNIST":
        np.savez(
            path,
            train_images=images[:half],
            train_labels=labels[:half, None],
            test_images=images[half:],
            test_labels=labels[half:, None],
        )
    else:
        shown = images / np.float32(255) if form == "shares" else images
        np.savez(path, x_train=shown[:half], y_train=labels[:half], x_test=shown[half:], y_test=labels[half:])
    np.testing.assert_array_equal(load_dataset(path).test.images, images[half:])
    np.testing.assert_array_equal(load_dataset(path).test.labels, labels[half:])


def test_npz_files_with_other_arrays_or_damaged(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    with pytest.raises(DataError, match=r"other.npz: holds the arrays weights; name them x_train, y_train"):
        load_dataset(tmp_path / "other.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:60])
    with pytest.raises(DataError, match=r"cut.npz: not a readable NPZ file"):
        load_dataset(tmp_path / "cut.npz")


def png(page: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(page).save(stream, "PNG")
    return stream.getvalue()


def write_parquet(path: Path, digits: Split) -> None:
    images = [{"bytes": png(page), "path": None} for page in digits.images]
    parquet.write_table(pyarrow.table({"image": images, "label": digits.labels.tolist()}), path)


def test_parquet_files_of_hugging_face(digits: Split, tmp_path: Path) -> None:
    folder = tmp_path / "mnist" / "mnist"
    folder.mkdir(parents=True)
    write_parquet(folder / "train-00000-of-00001.parquet", digits)
    require_same(folder / "train-00000-of-00001.parquet", digits)
    write_parquet(folder / "test-00000-of-00001.parquet", digits)
    np.testing.assert_array_equal(load_dataset(tmp_path / "mnist").test.images, digits.images)
    parquet.write_table(pyarrow.table({"text": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"other.parquet: has the columns text; give .* image and label"):
        load_dataset(tmp_path / "other.parquet")


def test_without_pyarrow_the_command_that_installs_it_is_named(digits: Split, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", digits)
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from number_prediction import MissingExtraError, load_dataset\n"
        "try:\n    load_dataset(sys.argv[1])\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "train.parquet")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "pip install 'number-prediction[parquet]'" in done.stdout


def test_a_torchvision_root(digits: Split, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        write_idx(raw / name, np.asarray(digits.images))
    write_idx(raw / "train-labels-idx1-ubyte", digits.labels)
    for folder in (tmp_path, tmp_path / "MNIST", raw):
        require_same(folder, digits)
    with pytest.raises(DataError, match=r"one of the IDX files of a data set; give its folder, .*raw"):
        load_dataset(raw / "train-images-idx3-ubyte")


def test_what_archives_and_systems_leave_is_no_class(tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_pictures(tmp_path / name, 12)
        (tmp_path / name / ".DS_Store").write_bytes(b"x")
    write_pictures(tmp_path / "__MACOSX" / "0", 1)
    write_pictures(tmp_path / ".cache", 1)
    assert load_dataset(tmp_path).train.classes == ("0", "1")


def test_an_unknown_kind_is_told_from_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"notes.txt: the file is of no known kind; give a folder"):
        load_dataset(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"nothing.txt: no such"):
        load_dataset(tmp_path / "nothing.txt")
