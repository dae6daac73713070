"""Data sets -> frames to train on, by the same preparation that the exported graph holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.constants import FRAME_SIZE
from number_prediction.datasets.load import EMBEDDED, load_dataset
from number_prediction.datasets.split import Pages, Split, Splits
from number_prediction.training.graph.digit_graph import Preparation

CHUNK = 1000


def load_frames(source: str) -> Splits:
    """Load a data set and frame every picture: images (N, 28, 28) uint8."""
    return frame_splits(load_dataset(source), source)


def frame_splits(splits: Splits, source: str) -> Splits:
    """Frame every picture of a data set, or of a sample of it, that was loaded from `source`.

    MNIST is the normal form itself and is taken as it is (a test holds framing to that).
    """
    if source == EMBEDDED:
        return splits
    return Splits(*(Split(to_frames(part.images), part.labels, part.classes) for part in splits))


@torch.no_grad()
def to_frames(pages: Pages) -> NDArray[np.uint8]:
    """Frames (N, 28, 28) uint8, ink 255, of pages (N, H, W) uint8 or picture files."""
    preparation = Preparation()
    frames = np.empty((len(pages), FRAME_SIZE, FRAME_SIZE), np.uint8)
    begin = 0
    for chunk in _same_sized(pages):
        framed = preparation(torch.tensor(chunk)).frame * 255
        frames[begin : begin + len(chunk)] = framed.round().to(torch.uint8).numpy()
        begin += len(chunk)
    return frames


def _same_sized(pages: Pages) -> Iterator[NDArray[np.uint8]]:
    if isinstance(pages, np.ndarray):
        for begin in range(0, len(pages), CHUNK):
            yield pages[begin : begin + CHUNK]
    else:
        for page in pages:
            yield page[np.newaxis]
