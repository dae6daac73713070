"""Class folders -> pictures with labels: one folder per class, perhaps inside folders train and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from number_prediction.datasets.split import PictureFiles, Split
from number_prediction.errors import DataError
from number_prediction.files import find_files, natural_order
from number_prediction.images.formats import PICTURE_SUFFIXES

MAX_CLASSES = 256  # labels are uint8
NO_SUCH_FOLDER = "no such folder; give a folder of IDX files or of class folders, or a CSV file"
_ARCHIVE_FOLDERS = ("__MACOSX",)
"""Folders that programs for archives add."""
_PART_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


def read_class_folders(folder: Path) -> dict[str, Split]:
    """Read part ("train", "validation", "test") -> pictures; a folder without parts is "train"."""
    inside = {path.name.lower(): path for path in folder.iterdir() if _holds_folders(path)}
    parts = {
        part: inside[name] for part, names in _PART_FOLDERS.items() for name in names if name in inside
    } or {"train": folder}
    listed = {part: _list_classes(path) for part, path in parts.items()}
    classes = tuple(sorted({name for by_class in listed.values() for name in by_class}, key=natural_order))
    require_class_count(len(classes), folder)
    splits = {}
    for part, by_class in listed.items():
        paths = [path for name in classes for path in by_class.get(name, [])]
        counts = [len(by_class.get(name, [])) for name in classes]
        labels = np.repeat(np.arange(len(classes), dtype=np.uint8), counts)
        splits[part] = Split(PictureFiles(paths), labels, classes)
    return splits


def _list_classes(folder: Path) -> dict[str, list[Path]]:
    """List class name -> its picture files, sorted."""
    by_class = {}
    for class_folder in folder.iterdir():
        if is_class_folder(class_folder):
            paths = find_picture_files(class_folder)
            if not paths:
                raise DataError(f"{class_folder}: the class has no pictures; add some or remove the folder")
            by_class[class_folder.name] = paths
    if not by_class:
        raise DataError(
            f"{folder}: not a data set; give a folder with IDX files (train-images-idx3-ubyte and others), "
            "with train.csv or Parquet files, or with one folder of pictures per class"
        )
    return by_class


def is_class_folder(path: Path) -> bool:
    """Return whether a path is the folder of a class; hidden folders are not."""
    return path.is_dir() and not path.name.startswith(".") and path.name not in _ARCHIVE_FOLDERS


def _holds_folders(path: Path) -> bool:
    """Return whether a folder can be a part; the folder of a class named "test" has no subfolders."""
    return path.is_dir() and any(is_class_folder(inside) for inside in path.iterdir())


def require_class_count(count: int, folder: Path) -> None:
    """Raise DataError if there are more classes than uint8 has values."""
    if count > MAX_CLASSES:
        raise DataError(f"{folder}: {count} classes; give at most {MAX_CLASSES}")


def find_picture_files(folder: Path) -> list[Path]:
    """List the files in and below a folder whose names end like those of pictures."""
    return [path for path in find_files(folder) if path.suffix.lower() in PICTURE_SUFFIXES]
