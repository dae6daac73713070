"""Composed crops, windows of lines and plain pages -> labelled frames of ink and paper, for a PaperReader.

Left out are crops on which the ink network finds nothing, digits that are hardly visible, and digits of which
it found little: they would teach guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from number_prediction.constants import FRAME_SIZE, NOT_A_DIGIT
from number_prediction.datasets.split import Split
from number_prediction.training.graph.digit_graph import prepare_by
from number_prediction.training.graph.ink_frames import frame_both, tell_apart
from number_prediction.training.networks.ink import overlap
from number_prediction.training.synthesis.crops import CropComposer, Crops
from number_prediction.training.synthesis.line_windows import Window
from number_prediction.training.synthesis.tiles import DATA_SET, OTHER

CLASSES = (*map(str, range(OTHER)), NOT_A_DIGIT)
CROPS = 64
"""Crops that are composed at once."""
PAGES = 100
"""Pages that are framed at once."""
READABLE = 0.5
"""A digit that stands out by less, in standard deviations of the paper beside it, is left out."""
FOUND = 0.4
"""So is one whose ink and what was found of it overlap by less."""


def frame_plain(
    composer: CropComposer, split: Split, ink: nn.Module, *, most: int | None = None
) -> dict[str, Split]:
    """Frames (N, 2, 28, 28) uint8 of undamaged digits and tiles by source, every other one inverted.

    `most` of each source, evenly from beginning to end; by default all.
    """
    tiles = composer.tiles
    plain = {DATA_SET: (np.asarray(split.images), split.labels)}
    for place, name in enumerate(tiles.names):
        chosen = tiles.sources == place
        if name != DATA_SET and chosen.any():
            plain[name] = tiles.images[chosen], tiles.labels[chosen]
    framed = {}
    for name, (pages, labels) in plain.items():
        every = 1 if most is None else -(-len(pages) // most)
        frames, is_found = frame_pages(ink, pages[::every])
        framed[name] = Split(frames[is_found], labels[::every][is_found].astype(np.uint8), CLASSES)
    return framed


@torch.no_grad()
def frame_pages(
    ink: nn.Module, pages: NDArray[np.uint8], *, invert: bool = True
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Frames (N, 2, 28, 28) uint8 of pages (N, H, W), and on which ink is found; `invert` every other one."""
    frames = np.empty((len(pages), 2, FRAME_SIZE, FRAME_SIZE), np.uint8)
    for begin in range(0, len(pages), PAGES):
        some = torch.tensor(pages[begin : begin + PAGES])
        if invert:
            some[::2] = 255 - some[::2]
        prepared = prepare_by(ink, some)
        both = torch.stack([prepared.frame, prepared.paper], 1)
        frames[begin : begin + PAGES] = (both * 255).round().to(torch.uint8).numpy()
    return frames, frames[:, 0].max((1, 2)) > 0


@torch.no_grad()
def frame_windows(ink: nn.Module, windows: Sequence[Window], *, threads: int) -> Split:
    """Frames (N, 2, 28, 28) uint8 of the windows on which ink is found; NOT_A_DIGIT is the last class."""

    def frame(window: Window) -> NDArray[np.uint8]:
        (both,), _ = frame_pages(ink, window.page[np.newaxis], invert=False)
        return np.asarray(both)

    with ThreadPoolExecutor(threads) as pool:
        frames = np.stack([*pool.map(frame, windows), np.zeros((2, FRAME_SIZE, FRAME_SIZE), np.uint8)])
    labels = np.array([*(window.label for window in windows), OTHER], np.uint8)
    is_found = frames[:, 0].max((1, 2)) > 0
    return Split(frames[is_found], labels[is_found], CLASSES)


def compose_frames(composer: CropComposer, ink: nn.Module, count: int, *, threads: int) -> Split:
    """Frames (N, 2, 28, 28) uint8 of up to `count` crops; NOT_A_DIGIT is the last class."""
    frames = np.empty((count, 2, FRAME_SIZE, FRAME_SIZE), np.uint8)
    labels = np.empty(count, np.uint8)
    end = 0
    for some, said in _frame_all(composer, ink, count, threads):
        frames[end : end + len(some)], labels[end : end + len(some)] = some, said
        end += len(some)
    return Split(frames[:end], labels[:end], CLASSES)


def _frame_all(
    composer: CropComposer, ink: nn.Module, count: int, threads: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    def compose(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return frame_crops(ink, composer.compose(number, min(CROPS, count - number * CROPS)))

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(compose, range(-(-count // CROPS)))


@torch.no_grad()
def frame_crops(network: nn.Module, crops: Crops) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Frames (N, 2, 28, 28) uint8 and labels (N,) uint8 of those crops that are of use."""
    ink = tell_apart(network, crops.canvas())[:, 0]
    size = crops.picture.shape[1]
    step = torch.tensor(size / crops.grey.shape[1])
    rows, columns = (_inside(crops.extents[:, axis], size) for axis in (0, 1))
    framed = frame_both(ink, step, crops.picture.to(torch.float32) / 255, rows, columns)
    is_digit = crops.labels != OTHER
    found = overlap(ink, crops.masks[:, 0].to(torch.float32) / 255)
    of_use = (framed.peak > 0) & (~is_digit | ((crops.visible > READABLE) & (found > FOUND)))
    both = (torch.stack([framed.ink, framed.paper], 1)[of_use] * 255).round().to(torch.uint8)
    return both.numpy(), crops.labels[of_use].to(torch.uint8).numpy()


def _inside(extents: Tensor, size: int) -> Tensor:
    """(N, size) float32: 1 below each extent (N,)."""
    return (torch.arange(size) < extents.unsqueeze(1)).to(torch.float32)
