"""Split: pictures with labels; divide, join and read picture files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from number_prediction.errors import DataError
from number_prediction.images.decode import Page, to_page

Pages: TypeAlias = "NDArray[np.uint8] | PictureFiles"
"""(N, H, W) uint8, or N picture files of any sizes."""


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Pictures with labels."""

    images: Pages
    """N pages."""
    labels: NDArray[np.uint8]
    """(N,) uint8: the index of a class each."""
    classes: tuple[str, ...]
    """(C,) names of the classes."""

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DataError(
                f"{len(self.images)} images but {len(self.labels)} labels; give one label per image"
            )
        if len(self.labels) and int(self.labels.max()) >= len(self.classes):
            raise DataError(
                f"label {self.labels.max()} but only {len(self.classes)} classes; give each label a class"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self):,} pictures, {len(self.classes)} classes)"

    def select(self, indices: NDArray[np.intp] | slice) -> Split:
        """Return the images at `indices` (K,), with their labels."""
        return Split(self.images[indices], self.labels[indices], self.classes)


class Splits(NamedTuple):
    """The three parts of a data set; `train, validation, test = load_mnist()`."""

    train: Split
    validation: Split
    test: Split


def divide(split: Split, size: int, *, seed: int) -> tuple[Split, Split]:
    """Divide a split in two; the second part has `size` images, each class in equal proportion.

    Class counts are rounded by the largest remainder; inside a class the choice is random, by `seed`. Both
    parts keep the order of the images.
    """
    counts = np.bincount(split.labels, minlength=len(split.classes))
    quotas = counts * (size / max(len(split), 1))
    wanted = np.floor(quotas).astype(int)
    by_remainder = np.argsort(-(quotas - wanted), kind="stable")
    wanted[by_remainder[: size - int(wanted.sum())]] += 1
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(split), dtype=bool)
    for label, count in enumerate(wanted):
        members = np.flatnonzero(split.labels == label)
        chosen[generator.permutation(members)[:count]] = True
    return split.select(np.flatnonzero(~chosen)), split.select(np.flatnonzero(chosen))


def join(parts: list[Split], *, name: str) -> Split:
    """Join splits with the same classes; `name` is what errors call them.

    Raises:
        DataError: their arrays have images of different sizes.
    """
    if len(parts) == 1:
        return parts[0]
    labels = np.concatenate([part.labels for part in parts])
    arrays = [part.images for part in parts if isinstance(part.images, np.ndarray)]
    if arrays:
        if len({images.shape[1:] for images in arrays}) > 1:
            raise DataError(f"{name}: its parts have images of different sizes; use one part or frame them")
        return Split(np.concatenate(arrays), labels, parts[0].classes)
    files = [part.images for part in parts if isinstance(part.images, PictureFiles)]
    paths = [path for pictures in files for path in pictures.paths]
    return Split(PictureFiles(paths), labels, parts[0].classes)


class PictureFiles:
    """Pages of picture files. Each is decoded when it is used: a folder of any size fits in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice | NDArray[np.intp]) -> PictureFiles: ...
    def __getitem__(self, index: int | slice | NDArray[np.intp]) -> Page | PictureFiles:
        """Return one page, or the picture files at a slice or at indices (K,)."""
        if isinstance(index, slice):
            return PictureFiles(self.paths[index])
        if isinstance(index, np.ndarray):
            return PictureFiles([self.paths[i] for i in index])
        return to_page(self.paths[index])

    def __iter__(self) -> Iterator[Page]:
        return (to_page(path) for path in self.paths)
