"""The MNIST in the package: whole, the published one, and always divided alike."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from number_prediction.datasets.idx import read_idx
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.errors import DataError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ASSETS = Path(str(resources.files("number_prediction") / "assets" / "mnist"))
VALIDATION_SHA256 = "460df4df04d4c5aff81b0977d63e8652ff40fdee648fbef503e8f37430655959"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the four files."""
    for name in FILES:
        shutil.copy(ASSETS / f"{name}.gz", tmp_path)
    return tmp_path


def test_sizes_shapes_and_classes(mnist: Splits) -> None:
    for split, size in zip(mnist, (55_000, 5_000, 10_000), strict=True):
        assert len(split) == size
        assert isinstance(split.images, np.ndarray)
        assert split.images.shape == (size, 28, 28)
        assert split.labels.shape == (size,)
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert split.classes == tuple("0123456789")
        assert set(split.labels) == set(range(10))


def test_the_test_split_is_the_published_one(mnist: Splits) -> None:
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.test.labels).tolist() == counts
    np.testing.assert_array_equal(mnist.test.images, read_idx(ASSETS / "t10k-images-idx3-ubyte.gz"))


def test_ink_is_bright(mnist: Splits) -> None:
    images = np.asarray(mnist.test.images)
    assert (images[:, 0] == 0).all()
    assert (images.max((1, 2)) > 200).all()


def test_validation_is_stratified(mnist: Splits) -> None:
    train, validation = np.bincount(mnist.train.labels), np.bincount(mnist.validation.labels)
    assert (np.abs(validation - (train + validation) / 12) < 1).all()


def test_train_and_validation_are_the_published_training_part_without_overlap(mnist: Splits) -> None:
    train, validation = ([image.tobytes() for image in split.images] for split in mnist[:2])
    published = read_idx(ASSETS / "train-images-idx3-ubyte.gz")
    whole = sorted(image.tobytes() for image in published) == sorted(train + validation)
    assert whole  # by name, or pytest would print both
    assert not set(train) & set(validation)


def test_the_division_is_the_same_each_time_and_on_every_machine(mnist: Splits) -> None:
    again = load_mnist()
    for split, other in zip(mnist, again, strict=True):
        np.testing.assert_array_equal(split.images, other.images)
        np.testing.assert_array_equal(split.labels, other.labels)
    assert hashlib.sha256(np.asarray(again.validation.images).tobytes()).hexdigest() == VALIDATION_SHA256


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_refused(name: str, folder: Path) -> None:
    path = folder / f"{name}.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content, compresslevel=1))
    with pytest.raises(
        DataError, match=f"{re.escape(str(path))}: the file differs from the published MNIST .*install"
    ):
        load_mnist(folder)


def test_a_damaged_file_is_named(folder: Path) -> None:
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: cannot be read"):
        load_mnist(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    path = folder / f"{name}.gz"
    path.unlink()
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: no such file"):
        load_mnist(folder)


def test_another_folder_with_the_same_files_gives_the_same(folder: Path, mnist: Splits) -> None:
    np.testing.assert_array_equal(load_mnist(folder).train.labels, mnist.train.labels)
