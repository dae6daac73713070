"""Parquet files as Hugging Face stores them (image bytes and label) -> pictures and labels.

Needs the extra `parquet` (pyarrow).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.csv_columns import LABEL_NAMES
from number_prediction.datasets.digit_csv import DigitTable
from number_prediction.datasets.idx import MAX_DATA_BYTES
from number_prediction.errors import DataError, ImageError, MissingExtraError
from number_prediction.images.decode import to_page

_IMAGE_NAMES = ("image", "img", "picture")


def read_digit_parquet(paths: Sequence[Path]) -> tuple[DigitTable, tuple[str, ...] | None]:
    """Read the pictures of one part, and the names of the labels 0, 1, 2, ... if the file has them.

    A column `image` holds encoded pictures of one size, as bytes or as a struct with a field `bytes`.

    Raises:
        DataError: damaged, too large, or of other columns; the message names the file.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "parquet") from error
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names = None
    for path in paths:
        try:
            with parquet.ParquetFile(path) as file:
                image, label = _find_columns(file.schema_arrow.names, path)
                names = names or _label_names(file.schema_arrow.metadata, label)
                for batch in file.iter_batches(columns=[image, label]):
                    images += _decode(batch.column(image).to_pylist(), path, len(images), images[:1])
                    labels += _to_labels(batch.column(label).to_pylist(), path)
        except (ArrowException, OSError) as error:
            raise DataError(f"{path}: cannot be read ({error}); download or copy it again") from error
    if not images:
        raise DataError(f"{paths[0]}: no pictures; download or copy it again")
    return DigitTable(np.stack(images), np.array(labels, np.int64)), names


def _find_columns(names: Sequence[str], path: Path) -> tuple[str, str]:
    image = next((name for name in names if name.lower() in _IMAGE_NAMES), None)
    label = next((name for name in names if name.lower() in LABEL_NAMES), None)
    if image is None or label is None:
        raise DataError(
            f"{path}: has the columns {', '.join(names) or 'none'}; give a file with image and label"
        )
    return image, label


def _decode(
    cells: Sequence[Any], path: Path, begin: int, first: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    """Decode the pictures of some rows; `first` holds the first picture of the file, if there is one."""
    pages = list(first)
    for number, cell in enumerate(cells, begin + 1):
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(content, bytes):
            raise DataError(f"{path}: row {number} has no bytes of a picture; embed the pictures in the file")
        try:
            page = to_page(content)
        except ImageError as error:
            raise DataError(f"{path}: row {number}: {error}") from error
        if pages and page.shape != pages[0].shape:
            raise DataError(
                f"{path}: row {number} has {page.shape[1]}x{page.shape[0]} pixels, the first row "
                f"{pages[0].shape[1]}x{pages[0].shape[0]}; write pictures of many sizes to class folders"
            )
        pages.append(page)
        if (begin + len(pages)) * page.size > MAX_DATA_BYTES:
            raise DataError(f"{path}: the pictures take more than {MAX_DATA_BYTES:,} bytes; divide the file")
    return pages[len(first) :]


def _to_labels(cells: Sequence[Any], path: Path) -> list[int]:
    try:
        return [int(cell) for cell in cells]
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a label is not a whole number ({error}); number the classes") from error


def _label_names(metadata: dict[bytes, bytes] | None, label: str) -> tuple[str, ...] | None:
    """Return the names of the classes that Hugging Face stores beside the schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[label]["names"])
    except (KeyError, TypeError, ValueError):
        return None
