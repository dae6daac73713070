"""NPZ file of NumPy arrays, such as the mnist.npz of Keras -> pictures and labels of each part."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.digit_csv import DigitTable
from number_prediction.datasets.idx import MAX_DATA_BYTES
from number_prediction.errors import DataError

_PART_NAMES = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"), ("x", "y")),
    "validation": (("x_val", "y_val"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
"""Part -> names of its arrays of pictures and of labels: those of Keras, of MedMNIST, and of one part."""


def read_digit_arrays(path: Path) -> dict[str, DigitTable]:
    """Read part -> pictures and labels. Pictures are (N, H, W), (N, H, W, 1) or rows (N, S * S).

    Raises:
        DataError: damaged, too large, or arrays of other names, shapes or values.
    """
    arrays = _read_arrays(path)
    tables = {}
    for part, choices in _PART_NAMES.items():
        for images, labels in choices:
            if images in arrays and labels in arrays:
                tables[part] = DigitTable(
                    _to_images(arrays[images], f"{path}: array {images}"),
                    _to_labels(arrays[labels], f"{path}: array {labels}"),
                )
                break
    if not tables:
        raise DataError(
            f"{path}: holds the arrays {', '.join(arrays) or 'none'}; "
            "name them x_train, y_train, x_test and y_test"
        )
    for part, table in tables.items():
        if table.labels is not None and len(table.images) != len(table.labels):
            raise DataError(
                f"{path}: {len(table.images)} pictures but {len(table.labels)} labels in the {part} part; "
                "save one label per picture"
            )
    return tables


def _read_arrays(path: Path) -> Mapping[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size > MAX_DATA_BYTES:
            raise DataError(f"{path}: {size:,} bytes, more than {MAX_DATA_BYTES:,}; divide the file")
        with np.load(path, allow_pickle=False) as stored:
            return {name.lower(): stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{path}: not a readable NPZ file ({error}); save it again with numpy.savez"
        ) from error


def _to_images(array: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Convert pictures to (N, H, W) uint8; floats are in 0..1, or whole numbers in 0..255."""
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim == 2 and round(array.shape[1] ** 0.5) ** 2 == array.shape[1]:
        array = array.reshape(len(array), round(array.shape[1] ** 0.5), -1)
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "buif":
        raise DataError(
            f"{name} is {array.dtype} of shape {array.shape}; save grey pictures as (N, H, W) uint8"
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array, np.uint8)
    values = array.astype(np.float64)
    if not (values.min() >= 0 and values.max() <= 255):  # also false for NaN
        raise DataError(f"{name} has values outside of 0..255; scale them to 0..255")
    if array.dtype.kind in "bf" and values.max() <= 1:
        values *= 255
    elif (values != np.rint(values)).any():
        raise DataError(f"{name} has values with a fraction above 1; scale them to 0..1 or round them")
    return np.rint(values).astype(np.uint8)


def _to_labels(array: NDArray[np.generic], name: str) -> NDArray[np.int64]:
    """Convert labels to (N,) int64; rows (N, C) of zeros and a one become the place of the one."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "buif" and (array.astype(np.float64).sum(1) == 1).all():
        array = array.argmax(1)
    if array.ndim != 1 or array.dtype.kind not in "ui":
        raise DataError(f"{name} is {array.dtype} of shape {array.shape}; save labels as (N,) integers")
    return array.astype(np.int64)
