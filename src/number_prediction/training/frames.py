"""Data sets -> frames for training, by the preparation that the exported graph uses too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.datasets.load import EMBEDDED, load_dataset
from number_prediction.datasets.split import Pages, Split, Splits
from number_prediction.training.graph.digit_graph import Preparation, Prepared

PAGES_AT_ONCE = 1000
"""Pages framed at once."""


def load_frames(source: str) -> Splits:
    """Load a data set, "mnist" or a path, and frame its pictures: images (N, 28, 28) uint8."""
    return frame_splits(load_dataset(source), source)


def frame_splits(splits: Splits, source: str) -> Splits:
    """Frame the pictures of a data set, or a sample of it, that was loaded from `source`.

    MNIST is in the normal form already and stays unchanged; a test checks that framing agrees.
    """
    if source == EMBEDDED:
        return splits
    return Splits(*(Split(to_frames(part.images), part.labels, part.classes) for part in splits))


@torch.no_grad()
def to_frames(pages: Pages, prepare: Callable[[Tensor], Prepared] | None = None) -> NDArray[np.uint8]:
    """Frame pages (N, H, W) uint8, or picture files: (N, 28, 28) uint8, ink 255.

    `prepare` is the preparation of a model, `DigitGraph.prepare`; by default the one without parameters.
    """
    prepare = prepare or Preparation()
    frames = np.empty((len(pages), FRAME_SIZE, FRAME_SIZE), np.uint8)
    begin = 0
    for chunk in _same_sized(pages):
        framed = prepare(torch.tensor(chunk)).frame * 255
        frames[begin : begin + len(chunk)] = framed.round().to(torch.uint8).numpy()
        begin += len(chunk)
    return frames


def _same_sized(pages: Pages) -> Iterator[NDArray[np.uint8]]:
    if isinstance(pages, np.ndarray):
        for begin in range(0, len(pages), PAGES_AT_ONCE):
            yield pages[begin : begin + PAGES_AT_ONCE]
    else:
        for page in pages:
            yield page[np.newaxis]
