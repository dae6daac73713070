"""What scikit-learn users pass as X -> frames (N, 28, 28) uint8, ink 255.

X is one of two kinds. A table, or an array (N, 28, 28), holds features: its values are the pixels of a
frame, whatever they show. Anything else holds pictures: they are decoded and framed as everywhere in this
package.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from number_prediction.constants import FRAME_SIZE
from number_prediction.images.decode import ImageInput, to_page

FRAME_PIXELS = FRAME_SIZE**2
ROWS_A_CHUNK = 4096
"""Rows of a table that are converted at once."""

_NO_FRAMES = np.empty((0, FRAME_SIZE, FRAME_SIZE), np.uint8)


@dataclass(frozen=True, eq=False)
class PixelScale:
    """How the values of a table become pixels: `low` turns into 0, `high` into 255."""

    low: NDArray[np.float64]
    """() for all columns, or (D,) one a column."""
    high: NDArray[np.float64]

    @classmethod
    def of_bytes(cls) -> PixelScale:
        """Of values that are pixels already."""
        return cls(np.array(0.0), np.array(255.0))

    @classmethod
    def learn(cls, table: NDArray[Any]) -> PixelScale:
        """The scale of a table (N, D) of real numbers.

        uint8 is taken as it is. Other values from 0 upwards are divided by the largest one. Where some are
        negative, as after StandardScaler, each column is scaled to its own range.
        """
        if table.dtype == np.uint8:
            return cls.of_bytes()
        if table.min() >= 0:
            return cls(np.array(0.0), np.array(float(table.max())))
        return cls(table.min(axis=0).astype(np.float64), table.max(axis=0).astype(np.float64))

    def apply(self, rows: NDArray[Any]) -> NDArray[np.uint8]:
        """Pixels (M, D) of rows (M, D); values outside the scale become 0 or 255."""
        if rows.dtype == np.uint8 and self.low.ndim == 0 and self.low == 0 and self.high == 255:
            return rows
        width = self.high - self.low
        shares = (rows - self.low) / np.where(width > 0, width, 1.0)
        return np.asarray(np.rint(255 * np.clip(shares, 0, 1)), dtype=np.uint8)


def to_pixels(X: Any) -> Any:  # noqa: N803 scikit-learn's name
    """Tensors as arrays, and (N, 1, H, W), as torch has pictures, as (N, H, W); everything else as it is."""
    if getattr(X, "ndim", 0) >= 3 and hasattr(X, "__array__"):
        X = np.asarray(X)  # noqa: N806
        return X[:, 0] if X.ndim == 4 and X.shape[1] == 1 else X
    return X


def holds_pictures(X: Any) -> bool:  # noqa: N803
    """Whether X holds pictures, and not a table of features or frames."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        is_frames = X.ndim == 3 and X.shape[1:] == (FRAME_SIZE, FRAME_SIZE)
        return X.ndim in (3, 4) and not is_frames
    is_column = isinstance(X, Sequence | np.ndarray) or hasattr(X, "iloc")  # that of a pandas series
    if not is_column or getattr(X, "ndim", 1) != 1:
        return False
    first = next(iter(X), None)
    is_array = isinstance(first, np.ndarray) and first.ndim >= 2
    return is_array or isinstance(first, str | bytes | PathLike | Image.Image)


def to_table(X: ArrayLike) -> ArrayLike:  # noqa: N803
    """Frames (N, 28, 28) as rows (N, 784); everything else as it is."""
    if isinstance(X, np.ndarray) and X.shape[1:] == (FRAME_SIZE, FRAME_SIZE):
        return X.reshape(len(X), FRAME_PIXELS)
    return X


def pictures_to_frames(pictures: Sequence[ImageInput]) -> NDArray[np.uint8]:
    """Frames (N, 28, 28) of pictures as `to_page` takes them."""
    from number_prediction.training import to_frames

    pages = [to_page(picture) for picture in pictures]
    if len({page.shape for page in pages}) == 1:
        return to_frames(np.stack(pages))
    return np.concatenate([_NO_FRAMES, *(to_frames(page[np.newaxis]) for page in pages)])


def rows_to_frames(table: NDArray[Any], scale: PixelScale) -> NDArray[np.uint8]:
    """Frames (N, 28, 28) of a table (N, D).

    A row of D values is a square picture, row by row. Where D is no square number, zeros follow. Squares of
    another size than 28 x 28 are resized.
    """
    frames = np.empty((len(table), FRAME_SIZE, FRAME_SIZE), np.uint8)
    side = math.isqrt(table.shape[1] - 1) + 1
    missing = side**2 - table.shape[1]
    resizing = _resizing_matrix(side)
    for begin in range(0, len(table), ROWS_A_CHUNK):
        pixels = scale.apply(table[begin : begin + ROWS_A_CHUNK])
        squares = np.pad(pixels, ((0, 0), (0, missing))).reshape(-1, side, side)
        if side != FRAME_SIZE:
            squares = np.rint(resizing @ squares @ resizing.T).astype(np.uint8)
        frames[begin : begin + len(squares)] = squares
    return frames


def _resizing_matrix(side: int) -> NDArray[np.float64]:
    """R (28, side) such that R @ square @ R.T is the square resized to 28 x 28, bilinear."""
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    resized = np.asarray(identity.resize((side, FRAME_SIZE), Image.Resampling.BILINEAR), dtype=np.float64)
    return np.asarray(resized / resized.sum(axis=1, keepdims=True))
