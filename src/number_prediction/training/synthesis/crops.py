"""Crops: pictures of single digits on paper, composed with exact masks.

Tiles -> pictures and masks to train the ink network on. A crop is composed at its own resolution, like a
camera's picture, and then resized to the canvas exactly as the graph does it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor

from number_prediction.datasets.open_data import OpenSource
from number_prediction.datasets.split import Split
from number_prediction.training.graph.canvas import BEYOND, side_of
from number_prediction.training.synthesis import surfaces
from number_prediction.training.synthesis.crop_picture import paint, visibility
from number_prediction.training.synthesis.crop_writing import CropWriting, TilePicker
from number_prediction.training.synthesis.surfaces import Dice
from number_prediction.training.synthesis.tiles import OTHER, Tiles, make_tiles

RESOLUTIONS = {14: 2, 16: 6, 20: 4, 24: 4, 28: 22, 32: 8, 40: 5, 48: 6, 64: 9, 96: 34}
"""Pixels of a crop's longer side -> how often it is drawn. Larger pages are reduced to the last."""
STRUCK = 0.1
"""Share of the crops through which lines are drawn."""
EXACT, EXACT_PLAIN = 0.45, 0.7
"""Share of the 28-pixel crops that show pictures of the data set unchanged; share of these without rules."""
INVISIBLE = 0.25
"""Writing that stands out by less, in standard deviations of the paper beside it, is not there."""


@dataclass(frozen=True, kw_only=True)
class CropRecipe:
    """How much is composed, and of what."""

    epoch: int = 64_000
    """Crops that count as one epoch."""
    digits: float = 0.66
    """Share of the crops that show one digit."""
    others: float = 0.14
    """That show a letter, a sign or a doodle instead."""
    several: float = 0.08
    """That show two to four digits."""
    empty: float = 0.12
    """On which nothing is meant."""


class Crops(NamedTuple):
    """B crops of one canvas size."""

    grey: Tensor
    """(B, S, S) uint8; 0 beyond the crop."""
    sizes: Tensor
    """(B, 2) float64: rows and columns of the canvas that the crop takes."""
    masks: Tensor
    """(B, 3, S, S) uint8: cover in 255ths of meant writing, of other writing and print, of rules."""
    labels: Tensor
    """(B,) int64: the digit, or OTHER."""
    picture: Tensor
    """(B, R, R) uint8: the crops at their own resolution; 0 beyond them."""
    extents: Tensor
    """(B, 2) int64: rows and columns that the crop takes of that."""
    visible: Tensor
    """(B,) float32: by how much the writing stands out, in deviations of the paper beside it."""

    def canvas(self) -> Tensor:
        """(B, S, S) float32 as the ink network takes it: grey in [0, 1], BEYOND where there is no crop."""
        place = torch.arange(self.grey.shape[1]) + 0.5
        inside = (place < self.sizes[:, :1]).unsqueeze(2) & (place < self.sizes[:, 1:]).unsqueeze(1)
        return torch.where(inside, self.grey.to(torch.float32) / 255, BEYOND)


class CropComposer:
    """Makes crops, batch by batch; each batch is known by its number."""

    def __init__(self, tiles: Tiles, recipe: CropRecipe, split: Split, *, seed: int) -> None:
        """`split`: digits as they are, (N, 28, 28) uint8, light on dark, of which some are shown whole."""
        self.tiles, self._picker, self._seed = tiles, TilePicker(tiles), seed
        shares = np.array([recipe.digits, recipe.others, recipe.several, recipe.empty])
        self._shares = shares / shares.sum()
        self._images, self._labels = np.ascontiguousarray(split.images), split.labels
        content = hashlib.sha256(tiles.images.data)
        content.update(self._images.data)
        self.data_sha256 = content.hexdigest()
        """Of what is composed of, hexadecimal."""

    def compose(self, number: int, count: int) -> Crops:
        """The batch of that number."""
        random = np.random.default_rng([self._seed, number])
        often = np.array(list(RESOLUTIONS.values()), float)
        size = int(random.choice(list(RESOLUTIONS), p=often / often.sum()))
        dice = Dice(count, size, Generator().manual_seed(int(random.integers(2**62))))
        written = CropWriting(self.tiles, self._picker, self._shares, size, count, random)
        rules = surfaces.rules(dice)
        strike = torch.zeros_like(rules)
        struck = np.flatnonzero(random.random(count) < STRUCK)
        if len(struck):
            strike[struck] = surfaces.struck_lines(len(struck), size, random)
        if size == self._images.shape[1]:
            self._show_exact(written, rules, random)
        pictures = paint(written.meant, written.beside, rules, strike, dice, random)
        masks = torch.stack([written.meant, written.beside, torch.maximum(rules, strike)], 1)
        return _to_canvas(pictures, masks, written)

    def _show_exact(self, written: CropWriting, rules: Tensor, random: np.random.Generator) -> None:
        """Some crops show pictures of the data set as they are."""
        chosen = np.flatnonzero(random.random(len(rules)) < EXACT)
        which = random.integers(len(self._images), size=len(chosen))
        written.meant[chosen] = torch.tensor(self._images[which]).to(torch.float32) / 255
        written.beside[chosen] = 0
        written.labels[chosen] = self._labels[which]
        written.extents[chosen] = self._images.shape[1]
        rules[chosen[random.random(len(chosen)) < EXACT_PLAIN]] = 0


def make_crop_composer(
    split: Split, sources: Mapping[str, OpenSource], recipe: CropRecipe, *, seed: int
) -> CropComposer:
    """A composer of crops from a split of digit frames, the repository's drawings and open sources."""
    return CropComposer(make_tiles(split, sources, seed=seed), recipe, split, seed=seed)


def _to_canvas(pictures: Tensor, masks: Tensor, written: CropWriting) -> Crops:
    """Crops cut to their own shape, and brought to the size that the graph works in."""
    size, side = pictures.shape[1], side_of(pictures.shape[1])
    extents = torch.tensor(written.extents)
    place = torch.arange(size)
    within = (place < extents[:, :1]).unsqueeze(2) & (place < extents[:, 1:]).unsqueeze(1)
    layers = torch.cat([pictures.unsqueeze(1).to(torch.float32), masks.clamp(0, 1) * 255], 1)
    layers = layers * within.unsqueeze(1)
    native = layers[:, 0].to(torch.uint8)
    if size != side:
        layers = F.interpolate(_extend(layers, written.extents), (side, side), mode="bilinear")
    sizes = torch.tensor(written.extents * side / size)
    middle = torch.arange(side) + 0.5
    layers = layers * ((middle < sizes[:, :1]).unsqueeze(2) & (middle < sizes[:, 1:]).unsqueeze(1)).unsqueeze(
        1
    )
    visible = visibility(layers[:, 0] / 255, layers[:, 1] / 255)
    is_there = visible >= INVISIBLE
    layers[:, 1] *= is_there.reshape(-1, 1, 1)
    labels = torch.where(is_there, torch.tensor(written.labels), OTHER)
    layers = layers.round().clamp(0, 255).to(torch.uint8)
    return Crops(layers[:, 0], sizes, layers[:, 1:], labels, native, extents, visible)


def _extend(layers: Tensor, extents: NDArray[np.intp]) -> Tensor:
    """Each crop (B, C, S, S) with its last row and column repeated to the end, as enlarging sees it."""
    place = torch.arange(layers.shape[2])
    last = torch.tensor(extents - 1)
    rows = torch.minimum(place, last[:, :1])[:, None, :, None]
    columns = torch.minimum(place, last[:, 1:])[:, None, None, :]
    return layers.gather(3, columns.expand_as(layers)).gather(2, rows.expand_as(layers))
