"""Pictures and labels in memory: what they may be, and the file that they become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from number_prediction import DataError, Split, load_dataset
from number_prediction.datasets.labelled import save_arrays, to_split
from number_prediction.datasets.split import PictureFiles, Splits


def test_labels_are_arrays_tensors_columns_or_lists(mnist: Splits) -> None:
    images, labels = np.asarray(mnist.test.images)[:30], mnist.test.labels[:30]
    kinds = [
        labels,
        torch.tensor(labels),
        pandas.Series(labels.astype(float), index=range(100, 130)),
        labels.tolist(),
        [str(label) for label in labels],
    ]
    for kind in kinds:
        split = to_split(torch.tensor(images).unsqueeze(1) / 255, kind)
        np.testing.assert_array_equal(split.images, images)
        assert [int(split.classes[label]) for label in split.labels] == labels.tolist()


def test_files_may_have_any_sizes_and_names_any_order(tmp_path: Path) -> None:
    for index, side in enumerate((20, 30)):
        Image.new("L", (side, side), 255).save(tmp_path / f"{index}.png")
    split = to_split(tmp_path, ["seven", "four"])
    assert isinstance(split.images, PictureFiles)
    assert split.classes == ("four", "seven")
    assert split.labels.tolist() == [1, 0]
    assert to_split(np.zeros((3, 5, 5), np.uint8), [10, 9, 10]).classes == ("9", "10")


@pytest.mark.parametrize(
    ("pictures", "labels", "message"),
    [
        (np.zeros((2, 5, 5), np.uint8), [1], "2 pictures but 1 labels"),
        (np.zeros((0, 5, 5), np.uint8), [], "no pictures"),
        ([np.zeros((5, 5), np.uint8), np.zeros((6, 5), np.uint8)], [1, 2], "several sizes"),
        (np.zeros((2, 5, 5), np.uint8), [1.5, 2], r"label 1\.5"),
        (np.zeros((2, 5, 5), np.uint8), ["4", None], "label None"),
        (np.zeros((2, 5, 5), np.uint8), pandas.Series([1, None], dtype="Int64"), r"label (nan|<NA>)"),
        (np.zeros((2, 5, 5), np.uint8), np.eye(2), r"labels of shape \(2, 2\)"),
        (np.zeros((256, 5, 5), np.uint8), range(256), "256 classes"),
    ],
)
def test_what_cannot_be_paired_is_said(pictures: np.ndarray, labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        to_split(pictures, labels)


def test_the_file_holds_the_same_parts(tmp_path: Path, mnist: Splits) -> None:
    parts = Splits(*(part.select(slice(0, 200)) for part in mnist))
    save_arrays(parts, tmp_path / "data.npz")
    for part, loaded in zip(parts, load_dataset(tmp_path / "data.npz"), strict=True):
        np.testing.assert_array_equal(loaded.images, part.images)
        np.testing.assert_array_equal(loaded.labels, part.labels)
        assert loaded.classes == part.classes


def test_what_the_file_cannot_hold_is_said(tmp_path: Path) -> None:
    named = Split(np.zeros((2, 5, 5), np.uint8), np.array([0, 1], np.uint8), ("a", "b"))
    with pytest.raises(DataError, match="the classes a, b are not numbers"):
        save_arrays(named, tmp_path / "data.npz")
    files = Split(PictureFiles([tmp_path / "1.png"]), np.zeros(1, np.uint8), ("1",))
    with pytest.raises(DataError, match="one folder per class"):
        save_arrays(files, tmp_path / "data.npz")
    with pytest.raises(DataError, match="list is not a data set"):
        save_arrays([1, 2], tmp_path / "data.npz")  # type: ignore[arg-type]
