"""Pictures and labels in memory -> a split, or a file that `load_dataset` reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.split import Pages, PictureFiles, Split, Splits
from number_prediction.errors import DataError
from number_prediction.images.decode import ImageInput, to_page
from number_prediction.images.pictures import Pictures, TensorLike, iterate_pictures

Labels: TypeAlias = "TensorLike | NDArray[Any] | Iterable[int | str]"
"""(N,) labels: an array, a tensor, a pandas column or a list, of whole numbers or names."""
Data: TypeAlias = "str | os.PathLike[str] | Split | Splits | tuple[Pictures, Labels]"
"""A data set: its path or name as `load_dataset` takes it, splits, or pictures and their labels."""
IN_MEMORY = "given pictures"
"""What manifests, errors and reports call pictures that have no path."""
_PART_ARRAYS = (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test"))


def to_split(pictures: Pictures, labels: Labels) -> Split:
    """Pair pictures with labels.

    Args:
        pictures: N pictures as `iterate_pictures` takes them. Paths may have any sizes, others one size.
        labels: (N,); each number or name that occurs is a class.

    Raises:
        DataError: not one label per picture, or pictures of several sizes that are not files.
        ImageError: a picture cannot be read.
    """
    images = _to_pages(list(iterate_pictures(pictures)))
    named = [_name(label) for label in _to_array(labels).tolist()]
    if len(named) != len(images):
        raise DataError(f"{len(images)} pictures but {len(named)} labels; give one label per picture")
    if not named:
        raise DataError("no pictures; give at least one with its label")
    are_numbers = all(name.isdecimal() for name in named)
    classes = sorted(set(named), key=int if are_numbers else None)
    indices = {name: index for index, name in enumerate(classes)}
    if len(classes) > np.iinfo(np.uint8).max:
        raise DataError(f"{len(classes)} classes; give at most {np.iinfo(np.uint8).max}")
    return Split(images, np.array([indices[name] for name in named], np.uint8), tuple(classes))


def as_splits(data: Split | Splits | tuple[Pictures, Labels]) -> tuple[Split, ...]:
    """The parts of a data set in memory: one, or training, validation and test."""
    if isinstance(data, Splits):
        return tuple(data)
    if isinstance(data, Split):
        return (data,)
    if not isinstance(data, tuple) or len(data) != 2:
        raise DataError(f"{type(data).__name__} is not a data set; give a path, or (pictures, labels)")
    return (to_split(*data),)


def save_arrays(data: Split | Splits | tuple[Pictures, Labels], path: Path) -> None:
    """Write a data set in memory as NPZ, which `load_dataset` reads.

    Raises:
        DataError: pictures of several sizes, or classes that are not numbers.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for part, (images, labels) in zip(as_splits(data), _PART_ARRAYS, strict=False):
        if isinstance(part.images, PictureFiles):
            raise DataError("pictures are given by path; sort them into one folder per class, and give that")
        if not all(name.isdecimal() for name in part.classes):
            raise DataError(
                f"the classes {', '.join(part.classes)} are not numbers; save the pictures in one folder "
                "per class, and give the path"
            )
        arrays[images] = part.images
        arrays[labels] = np.array([int(name) for name in part.classes], np.int64)[part.labels]
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type] # of NumPy's stubs, for allow_pickle


def _to_pages(pictures: list[ImageInput]) -> Pages:
    if pictures and all(isinstance(each, str | os.PathLike) for each in pictures):
        return PictureFiles([Path(cast("str | os.PathLike[str]", each)) for each in pictures])
    pages = [to_page(each) for each in pictures]
    shapes = {page.shape for page in pages}
    if len(shapes) > 1:
        raise DataError("the pictures have several sizes; give them as paths, or resize them")
    return np.stack(pages) if pages else np.empty((0, 1, 1), np.uint8)


def _to_array(labels: Labels) -> NDArray[Any]:
    if isinstance(labels, TensorLike):
        labels = labels.detach().cpu().numpy()
    array = np.asarray(labels if hasattr(labels, "__array__") else list(labels))
    if array.ndim != 1:
        raise DataError(f"labels of shape {array.shape}; give one number or name per picture, (N,)")
    return array


def _name(label: object) -> str:
    """Name of a class; whole floats, as pandas makes them, are numbers."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    if not isinstance(label, int | str):
        raise DataError(f"label {label}; give whole numbers or names")
    return str(label)
