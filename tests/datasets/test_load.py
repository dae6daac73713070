"""Folders of IDX files and of pictures -> splits; `divide`; errors that name the file and the mend."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from number_prediction.datasets.load import display_name, load_dataset, load_evaluation_split
from number_prediction.datasets.split import Split, Splits, divide
from number_prediction.errors import DataError, ImageError

Bytes = NDArray[np.uint8]

MNIST_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
NAMES = {
    "MNIST and Fashion-MNIST": tuple(f"{name}.gz" for name in MNIST_NAMES),
    "MNIST, unpacked": MNIST_NAMES,
    "dotted": tuple(name.replace("-idx", ".idx") for name in MNIST_NAMES),
    "KMNIST": tuple(f"kmnist-{name}.gz" for name in MNIST_NAMES),
    "EMNIST": tuple(f"emnist-digits-{name}.gz".replace("t10k", "test") for name in MNIST_NAMES),
    "QMNIST": (
        "qmnist-train-images-idx3-ubyte",
        "qmnist-train-labels-idx2-int",
        "qmnist-test-images-idx3-ubyte",
        "qmnist-test-labels-idx2-int",
    ),
    "capitals": tuple(name.upper() for name in MNIST_NAMES),
}


def write_idx(path: Path, array: NDArray[Any]) -> None:
    code = {"u1": 0x08, "i1": 0x09, "i4": 0x0C, "f4": 0x0D}[array.dtype.str[1:]]
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content += array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def numbered_images(count: int) -> Bytes:
    """(count, 6, 4) uint8: each its own, none like its transpose."""
    return np.random.default_rng(count).integers(0, 256, (count, 6, 4), np.uint8)


def labels_of(count: int, class_count: int = 10) -> Bytes:
    return (np.arange(count) % class_count).astype(np.uint8)


def write_idx_folder(folder: Path, names: tuple[str, ...] = MNIST_NAMES, class_count: int = 10) -> None:
    """60 images for training and, where there are four names, 20 for testing."""
    for (images_name, labels_name), count in zip((names[:2], names[2:4]), (60, 20), strict=True):
        images, labels = numbered_images(count), labels_of(count, class_count)
        if images_name.startswith("emnist"):
            images = images.swapaxes(1, 2)
        if "idx2-int" in labels_name:  # QMNIST: the class, then where the digit comes from
            labels = np.column_stack([labels, np.full((count, 7), 9)]).astype(np.int32)
        write_idx(folder / images_name, images)
        write_idx(folder / labels_name, labels)


def write_pictures(folder: Path, count: int, grey: int = 255) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("L", (3 + number % 3, 4), grey).save(folder / f"{number:03}.png")


def paths_of(split: Split) -> list[Path]:
    assert not isinstance(split.images, np.ndarray)
    return list(split.images.paths)


# IDX files


@pytest.mark.parametrize("style", NAMES)
def test_idx_files_as_published(style: str, tmp_path: Path) -> None:
    write_idx_folder(tmp_path, NAMES[style])
    train, validation, test = load_dataset(tmp_path)
    assert (len(train), len(validation), len(test)) == (55, 5, 20)
    assert train.classes == validation.classes == test.classes == tuple("0123456789")
    np.testing.assert_array_equal(test.images, numbered_images(20))
    np.testing.assert_array_equal(test.labels, labels_of(20))
    known = {image.tobytes(): label for image, label in zip(numbered_images(60), labels_of(60), strict=True)}
    for split in (train, validation):
        assert split.labels.dtype == np.uint8
        assert [known.pop(image.tobytes()) for image in split.images] == split.labels.tolist()
    assert not known


def test_without_a_test_part_one_is_divided_off(tmp_path: Path) -> None:
    write_idx(tmp_path / MNIST_NAMES[0], numbered_images(120))
    write_idx(tmp_path / MNIST_NAMES[1], labels_of(120))
    splits = load_dataset(str(tmp_path))
    assert [len(split) for split in splits] == [92, 8, 20]
    assert np.bincount(splits.test.labels).tolist() == [2] * 10


def test_without_a_training_part_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    write_idx(tmp_path / MNIST_NAMES[2], numbered_images(20))
    write_idx(tmp_path / MNIST_NAMES[3], labels_of(20))
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path))}: no training part"):
        load_dataset(tmp_path)
    assert len(load_evaluation_split(tmp_path, "test", divided=False)) == 20


@pytest.mark.parametrize("class_count", [2, 12, 47])
def test_idx_sets_of_any_number_of_classes(class_count: int, tmp_path: Path) -> None:
    write_idx_folder(tmp_path, class_count=class_count)
    splits = load_dataset(tmp_path)
    assert splits.train.classes == tuple(str(label) for label in range(class_count))
    assert splits.test.labels.tolist() == [label % class_count for label in range(20)]


def test_labels_need_not_begin_at_zero_nor_be_without_gaps(tmp_path: Path) -> None:
    write_idx(tmp_path / MNIST_NAMES[0], numbered_images(60))
    write_idx(tmp_path / MNIST_NAMES[1], np.array([5, 7, 12] * 20, np.uint8))
    train = load_dataset(tmp_path).train
    assert train.classes == ("5", "7", "12")
    assert set(train.labels) == {0, 1, 2}


def test_a_mapping_file_names_the_classes(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, NAMES["EMNIST"], class_count=3)
    (tmp_path / "emnist-digits-mapping.txt").write_text("0 65\n1 66\r\n\n2 97\n")
    assert load_dataset(tmp_path).test.classes == ("A", "B", "a")


@pytest.mark.parametrize(
    "mapping", ["0 48\n1 49\n", "0\n1\n2\n", "zero one\n", "0 48\n1 49\n2 99999999999\n"]
)
def test_a_mapping_file_that_does_not_map_is_named(mapping: str, tmp_path: Path) -> None:
    write_idx_folder(tmp_path, NAMES["EMNIST"], class_count=3)
    path = tmp_path / "emnist-digits-mapping.txt"
    path.write_text(mapping)
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: not a mapping of all labels"):
        load_dataset(tmp_path)


def test_of_several_sets_in_one_folder_one_is_named(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, NAMES["EMNIST"], class_count=3)
    write_idx_folder(tmp_path, NAMES["KMNIST"], class_count=4)
    (tmp_path / "README.txt").write_text("about both")
    with pytest.raises(DataError, match="several data sets; choose one of") as caught:
        load_dataset(tmp_path)
    offered = str(caught.value).partition("choose one of ")[2].split(", ")
    assert offered == [str(tmp_path / "emnist-digits"), str(tmp_path / "kmnist")]
    assert [len(load_dataset(source).train.classes) for source in offered] == [3, 4]
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "fashion"))):
        load_dataset(tmp_path / "fashion")


def test_a_set_without_prefix_can_be_had_from_a_folder_of_several(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, MNIST_NAMES, class_count=3)
    write_idx_folder(tmp_path, NAMES["KMNIST"], class_count=4)
    assert len(load_dataset(tmp_path).train.classes) == 3
    assert len(load_dataset(tmp_path / "kmnist").train.classes) == 4


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_images_without_labels_and_labels_without_images_are_named(part: str, tmp_path: Path) -> None:
    names = {"images": f"{part}-images-idx3-ubyte", "labels": f"{part}-labels-idx1-ubyte"}
    for missing, present in (("images", "labels"), ("labels", "images")):
        write_idx_folder(tmp_path)
        (tmp_path / names[missing]).unlink()
        beside = re.escape(str(tmp_path / names[present]))
        with pytest.raises(DataError, match=f"{beside}: the {missing} file is missing; put it beside"):
            load_dataset(tmp_path)


TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = MNIST_NAMES


@pytest.mark.parametrize(
    ("written", "array", "named", "message"),
    [
        (TRAIN_LABELS, labels_of(59), TRAIN_LABELS, f"59 labels, but {TRAIN_IMAGES} holds 60 images; take"),
        (TEST_IMAGES, numbered_images(21), TEST_LABELS, f"20 labels, but {TEST_IMAGES} holds 21 images"),
        (TRAIN_IMAGES, labels_of(60), TRAIN_IMAGES, "uint8 of shape (60,) instead of images"),
        (TRAIN_IMAGES, np.zeros((60, 4, 4), np.float32), TRAIN_IMAGES, ">f4 of shape (60, 4, 4) instead"),
        (TRAIN_IMAGES, np.zeros((60, 0, 4), np.uint8), TRAIN_IMAGES, "uint8 of shape (60, 0, 4) instead"),
        (TRAIN_LABELS, numbered_images(60), TRAIN_LABELS, "uint8 of shape (60, 6, 4) instead of labels"),
        (TRAIN_LABELS, np.zeros(60, np.float32), TRAIN_LABELS, ">f4 of shape (60,) instead of labels"),
        (TRAIN_LABELS, np.zeros((60, 0), np.uint8), TRAIN_LABELS, "uint8 of shape (60, 0) instead of labels"),
    ],
)
def test_idx_files_that_contradict_each_other_are_named(
    written: str, array: NDArray[Any], named: str, message: str, tmp_path: Path
) -> None:
    write_idx_folder(tmp_path)
    write_idx(tmp_path / written, array)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / named}: {message}")):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"\x89PNG" + content[4:], "wrong magic number 0x89504e47"),
        (lambda content: content[:-1], "cut off"),
        (lambda content: content + b"\0", "too long"),
        (lambda content: gzip.compress(content)[:-9], "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", MNIST_NAMES)
def test_damaged_idx_files_are_named(name: str, damage: Any, message: str, tmp_path: Path) -> None:
    write_idx_folder(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}.*(again|as it was published)"):
        load_dataset(tmp_path)


def test_parts_of_different_picture_sizes_cannot_be_measured_as_one(tmp_path: Path) -> None:
    write_idx_folder(tmp_path)
    write_idx(tmp_path / MNIST_NAMES[2], np.zeros((20, 9, 9), np.uint8))
    assert len(load_evaluation_split(tmp_path, "test", divided=False)) == 20
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        load_evaluation_split(tmp_path, "all", divided=False)


# Class folders


@pytest.mark.parametrize("class_count", [2, 12])
def test_flat_class_folders_are_divided(class_count: int, tmp_path: Path) -> None:
    for name in range(class_count):
        write_pictures(tmp_path / str(name), 12, grey=name)
    splits = load_dataset(tmp_path)
    assert [len(split) for split in splits] == [
        class_count * 12 - round(class_count * 10 / 12) - class_count * 2,
        round(class_count * 10 / 12),
        class_count * 2,
    ]
    seen = []
    for split in splits:
        assert split.classes == tuple(str(name) for name in range(class_count))
        assert [page[0, 0] for page in split.images] == split.labels.tolist()
        seen += paths_of(split)
    assert len(set(seen)) == len(seen) == class_count * 12
    assert np.bincount(splits.test.labels).tolist() == [2] * class_count


def test_classes_stand_in_natural_order(tmp_path: Path) -> None:
    for name in ("plus", "10", "9", "100", "minus", "2"):
        write_pictures(tmp_path / name, 6)
    assert load_dataset(tmp_path).train.classes == ("2", "9", "10", "100", "minus", "plus")


@pytest.mark.parametrize(
    "folders", [("train", "val", "test"), ("training", "validation", "testing"), ("train", "valid", "test")]
)
def test_class_folders_that_come_divided_stay_so(folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder, count in zip(folders, (3, 2, 1), strict=True):
        for name in ("7", "11"):
            write_pictures(tmp_path / folder / name, count)
    splits = load_dataset(tmp_path)
    assert [len(split) for split in splits] == [6, 4, 2]
    for split, folder in zip(splits, folders, strict=True):
        assert split.classes == ("7", "11")
        assert all(path.is_relative_to(tmp_path / folder) for path in paths_of(split))


def test_a_part_may_lack_classes_but_training_may_not(tmp_path: Path) -> None:
    for name in ("0", "1", "2"):
        write_pictures(tmp_path / "train" / name, 4)
    write_pictures(tmp_path / "test" / "1", 2)
    test = load_dataset(tmp_path).test
    assert test.classes == ("0", "1", "2")
    assert test.labels.tolist() == [1, 1]
    write_pictures(tmp_path / "test" / "3", 2)
    with pytest.raises(
        DataError, match=f"{re.escape(str(tmp_path))}: the class '3' has no training pictures"
    ):
        load_dataset(tmp_path)


def test_pictures_are_found_below_and_other_files_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pictures(tmp_path / name / "writer 1", 3)
        Image.new("L", (4, 4)).save(tmp_path / name / "SEVEN.JPG", "JPEG")
        (tmp_path / name / "notes.txt").write_text("written in May")
    write_pictures(tmp_path / ".thumbnails", 3)
    (tmp_path / "README.md").write_text("two classes")
    split = load_evaluation_split(tmp_path, "all", divided=False)
    assert split.classes == ("a", "b")
    assert split.labels.tolist() == [0] * 4 + [1] * 4


def test_hidden_files_and_folders_named_like_pictures_are_no_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pictures(tmp_path / name, 3)
        (tmp_path / name / "._000.png").write_bytes(b"\0\5\x16\7")  # macOS leaves these on other disks
        write_pictures(tmp_path / name / ".ipynb_checkpoints", 1)
        (tmp_path / name / "scans.png").mkdir()
    split = load_evaluation_split(tmp_path, "all", divided=False)
    assert [path.name for path in paths_of(split)] == ["000.png", "001.png", "002.png"] * 2


def test_classes_may_be_named_like_parts(tmp_path: Path) -> None:
    for name in ("valid", "invalid"):
        write_pictures(tmp_path / name, 12)
    assert load_dataset(tmp_path).train.classes == ("invalid", "valid")


def test_a_class_without_pictures_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "0", 6)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "notes.txt").write_text("to be drawn")
    with pytest.raises(
        DataError, match=f"{re.escape(str(tmp_path / '1'))}: the class has no pictures; add some"
    ):
        load_dataset(tmp_path)


def test_an_unreadable_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_pictures(tmp_path / name, 6)
    broken = tmp_path / "1" / "003.png"
    broken.write_bytes(broken.read_bytes()[:40])
    split = load_evaluation_split(tmp_path, "all", divided=False)
    assert len(split) == 12
    with pytest.raises(ImageError, match=re.escape(str(broken))):
        list(split.images)


def test_one_class_only_can_be_measured_on_but_not_trained_on(tmp_path: Path) -> None:
    write_pictures(tmp_path / "7", 6)
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path))}: only one class"):
        load_dataset(tmp_path)
    assert load_evaluation_split(tmp_path, "test", divided=False).classes == ("7",)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_pictures_to_divide_are_refused(count: int, tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_pictures(tmp_path / name, count)
    if count == 1:
        with pytest.raises(DataError, match=r"the class .* has no training pictures"):
            load_dataset(tmp_path)
    else:
        assert [len(split) for split in load_dataset(tmp_path)] == [2, 1, 1]


def test_more_classes_than_labels_can_tell_apart_are_refused(tmp_path: Path) -> None:
    for name in range(257):
        write_pictures(tmp_path / str(name), 1)
    with pytest.raises(DataError, match="257 classes; give at most 256"):
        load_dataset(tmp_path)


def test_nothing_to_load_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=f"{re.escape(str(tmp_path))}: not a data set; give a folder with IDX files .* one folder",
    ):
        load_dataset(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "alone.png")
    with pytest.raises(
        DataError, match=r"not a data set; give a folder with IDX files .* one folder of pictures per class"
    ):
        load_dataset(tmp_path)
    for path in (tmp_path / "missing", tmp_path / "missing" / "deeper", tmp_path / "alone.png"):
        with pytest.raises(DataError, match=f"{re.escape(str(path))}: .*give a folder"):
            load_dataset(path)


# What to measure on


@pytest.fixture
def undivided(tmp_path: Path) -> Path:
    """Two classes of 12 pictures."""
    for name in ("0", "1"):
        write_pictures(tmp_path / name, 12)
    return tmp_path


@pytest.mark.parametrize(
    ("part", "divided", "size"),
    [
        ("test", False, 24),  # all there is
        ("all", False, 24),
        ("test", True, 4),
        ("validation", True, 2),
        ("all", True, 24),
    ],
)
def test_parts_of_an_undivided_set(part: str, divided: bool, size: int, undivided: Path) -> None:
    split = load_evaluation_split(undivided, part, divided=divided)
    assert len(split) == size == len(set(paths_of(split)))


def test_divided_parts_are_those_of_training(undivided: Path) -> None:
    splits = load_dataset(undivided)
    for part, expected in (("test", splits.test), ("validation", splits.validation)):
        found = load_evaluation_split(undivided, part, divided=True)
        assert paths_of(found) == paths_of(expected)
        assert found.labels.tolist() == expected.labels.tolist()


@pytest.mark.parametrize("divided", [False, True])
def test_parts_of_a_divided_set(divided: bool, tmp_path: Path) -> None:
    write_idx_folder(tmp_path)
    test = load_evaluation_split(tmp_path, "test", divided=divided)
    np.testing.assert_array_equal(test.images, numbered_images(20))
    everything = load_evaluation_split(tmp_path, "all", divided=divided)
    assert len(everything) == 80
    assert len({np.asarray(image).tobytes() for image in everything.images}) == 80


@pytest.mark.parametrize(("part", "divided"), [("validation", False), ("training", True)])
def test_a_part_that_is_not_there_is_refused(part: str, divided: bool, undivided: Path) -> None:
    with pytest.raises(DataError, match=f"{re.escape(str(undivided))}: no {part} part; choose from train"):
        load_evaluation_split(undivided, part, divided=divided)


def test_the_embedded_mnist_goes_by_its_name(mnist: Splits) -> None:
    np.testing.assert_array_equal(load_dataset("mnist").test.labels, mnist.test.labels)
    validation = load_evaluation_split("mnist", "validation", divided=False)
    np.testing.assert_array_equal(validation.labels, mnist.validation.labels)
    assert display_name("mnist") == "MNIST"
    assert display_name("scans/digits") == "digits"


# Splits and their division


@pytest.mark.parametrize(
    ("count", "labels", "message"),
    [(3, [0, 1], "3 images but 2 labels"), (2, [0, 2], "label 2 but only 2 classes")],
)
def test_a_split_that_contradicts_itself_is_refused(count: int, labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Split(np.zeros((count, 4, 4), np.uint8), np.array(labels, np.uint8), ("a", "b"))


@st.composite
def splits_and_sizes(draw: st.DrawFn) -> tuple[Split, int]:
    """Up to 60 pictures, each holding its own number, of up to 6 classes; and what to divide off."""
    class_count = draw(st.integers(1, 6))
    labels = np.array(draw(st.lists(st.integers(0, class_count - 1), max_size=60)), np.uint8)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1)
    return Split(images, labels, tuple("abcdef"[:class_count])), draw(st.integers(0, len(labels)))


def numbers_of(split: Split) -> list[int]:
    return np.asarray(split.images).ravel().tolist()


@given(splits_and_sizes(), st.integers(0, 2**32))
@settings(deadline=None)
def test_a_division_is_exact_stratified_and_keeps_the_order(case: tuple[Split, int], seed: int) -> None:
    split, size = case
    rest, part = divide(split, size, seed=seed)
    assert len(part) == size
    assert sorted(numbers_of(rest) + numbers_of(part)) == list(range(len(split)))
    class_count = len(split.classes)
    counts, taken = (np.bincount(labels, minlength=class_count) for labels in (split.labels, part.labels))
    for piece in (rest, part):
        assert numbers_of(piece) == sorted(numbers_of(piece))
        assert piece.classes == split.classes
        np.testing.assert_array_equal(piece.labels, split.labels[numbers_of(piece)])
    assert (np.abs(taken - counts * size / max(len(split), 1)) < 1).all()


@given(splits_and_sizes(), st.integers(0, 2**32))
@settings(deadline=None)
def test_the_same_seed_divides_alike(case: tuple[Split, int], seed: int) -> None:
    split, size = case
    first, second = divide(split, size, seed=seed), divide(split, size, seed=seed)
    assert [numbers_of(piece) for piece in first] == [numbers_of(piece) for piece in second]


def test_another_seed_divides_otherwise() -> None:
    split = Split(np.arange(200, dtype=np.uint8).reshape(-1, 1, 1), labels_of(200), tuple("0123456789"))
    assert len({tuple(numbers_of(divide(split, 50, seed=seed)[1])) for seed in range(5)}) == 5
