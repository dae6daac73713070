"""What the benchmarks on real handwriting share: sets of pictures from a folder, and RapidOCR's recogniser.

A set is a folder: labels.csv (columns file and label first) with pictures beside it, or with data.npz
(`images`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from number_prediction.images.decode import Page, to_page

DIGITS = tuple("0123456789")


def load(folder: Path) -> tuple[list[Page], list[dict[str, str]]]:
    """Pages of a set, and their rows of labels.csv."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if (folder / "data.npz").exists():
        images = np.load(folder / "data.npz", allow_pickle=False)["images"]
        return [to_page(image) for image in images], rows
    return [to_page(folder / row["file"]) for row in rows], rows


def rapidocr_lattices(characters: str = "0123456789") -> Callable[[Page], NDArray[np.float32]]:
    """RapidOCR's recogniser: a page -> (T, C + 1) float32, of the blank and these C characters alone.

    Raises:
        ImportError: it is not installed.
    """
    from rapidocr import RapidOCR

    engine = RapidOCR()
    engine(np.full((48, 48, 3), 255, np.uint8), use_det=False, use_cls=False)  # loads the recogniser
    recogniser = engine.text_rec
    known = recogniser.postprocess_op.character  # the blank first
    columns = [0, *(known.index(character) for character in characters)]

    def read(page: Page) -> NDArray[np.float32]:
        picture = np.repeat(page[:, :, np.newaxis], 3, axis=2)
        batch = recogniser.resize_norm_img(picture, max(page.shape[1] / page.shape[0], 320 / 48))
        steps = recogniser.session(batch[np.newaxis])[0][:, columns] + 1e-9
        return np.asarray(steps / steps.sum(1, keepdims=True), np.float32)

    return read
