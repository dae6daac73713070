"""The writing on crops of paper: the meant digit, or something else in its place, and its neighbours.

Tiles -> layers of cover (B, S, S) float32 in [0, 1], drawn at the crops' own resolution. Places and sizes are
pairs of rows and columns in pixels of the crop.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.training.augmentation.strokes import bend, change_pen
from number_prediction.training.synthesis.tiles import DATA_SET, INK, OTHER, TILE, Tiles

Places = NDArray[np.intp]
"""(n,) places of crops in the batch, or of tiles among all."""
Pairs = NDArray[np.float64]
"""(n, 2) rows and columns."""

DIGIT, OTHER_SIGN, SEVERAL, EMPTY = range(4)
"""Kinds of crops."""
SMALLEST_PX = 9.0
"""A digit is at least this high or wide, where the crop allows it."""
FINE_UP_TO_PX = 48
"""Crops of at most this side are drawn twice as large and reduced."""
LOW_PX = 32
"""Crops of at most this side often are bitmaps whose glyph fills them."""
CROWDED = 0.5
"""Share of the crops in which other writing stands beside the digit, where there is room for it."""
LEANING = 0.2
"""Share of the crops whose writing leans to the right like that of old registers, up to 42 degrees."""
DIGIT_SOURCES = {DATA_SET: 0.42, "writings": 0.08}
"""Share of the digits that come from these; the others share the rest by the square root of their size."""


class TilePicker:
    """Draws tiles by the shares of their sources."""

    def __init__(self, tiles: Tiles) -> None:
        is_digit = tiles.labels != OTHER
        of_source = [is_digit & (tiles.sources == place) for place in range(len(tiles.names))]
        known = {name: share for name, share in DIGIT_SOURCES.items() if name in tiles.names}
        roots = [
            0.0 if name in known else float(np.sqrt(chosen.sum()))
            for name, chosen in zip(tiles.names, of_source, strict=True)
        ]
        weights = np.zeros(len(tiles.labels))
        for name, chosen, root in zip(tiles.names, of_source, roots, strict=True):
            rest = (1 - sum(known.values())) * root / max(sum(roots), 1e-9)
            weights[chosen] = known.get(name, rest) / max(1, chosen.sum())
        self._digits = np.cumsum(weights)
        counts = np.bincount(tiles.sources[~is_digit], minlength=len(tiles.names))
        shares = np.where(is_digit, 0.0, 1 / np.sqrt(counts.clip(1))[tiles.sources])
        self._others = np.cumsum(shares)

    def digits(self, count: int, random: np.random.Generator) -> Places:
        """Places of so many digits."""
        return _draw(self._digits, count, random)

    def others(self, count: int, random: np.random.Generator) -> Places:
        """Places of so many tiles that are no digit, of each source by the square root of its size."""
        return _draw(self._others, count, random)


def _draw(cumulated: NDArray[np.float64], count: int, random: np.random.Generator) -> Places:
    """Places drawn by weights that are given as their running sum."""
    drawn = random.random(count) * cumulated[-1]
    return np.asarray(np.searchsorted(cumulated, drawn, side="right"))


class CropWriting:
    """The writing of one batch: what is meant, what stands beside it, and what it says."""

    def __init__(
        self,
        tiles: Tiles,
        picker: TilePicker,
        shares: Pairs,
        size: int,
        count: int,
        random: np.random.Generator,
    ) -> None:
        """`shares`: of the kinds of crops; `size`: pixels of a crop's longer side."""
        self._tiles, self._picker, self._size, self._random = tiles, picker, size, random
        self._kinds = random.choice(len(shares), count, p=shares)
        aspect = np.where(random.random(count) < 0.5, 0.0, random.uniform(-0.7, 0.7, count))
        sides = np.exp(np.minimum(0, np.stack([aspect, -aspect], 1)))
        self.extents = np.maximum(4, np.round(size * sides)).astype(int)
        """(B, 2) rows and columns of each crop."""
        leaning = random.uniform(0.2, 0.9, count)
        self._slant = np.where(random.random(count) < LEANING, leaning, random.normal(0, 0.24, count))
        self._turn = random.normal(0, 0.13, count)
        self._pen = random.uniform(-1.0, 2.0, count) * (random.random(count) < 0.7)
        self.labels = np.full(count, OTHER)
        """(B,) the digit that is meant, or OTHER."""
        self.meant = torch.zeros(count, size, size)
        self.beside = torch.zeros(count, size, size)
        self._write(count)

    def _write(self, count: int) -> None:
        random = self._random
        share = self._draw_shares(count)
        is_crowded = (random.random(count) < CROWDED) & (share > 0.4)
        which = self._picker.digits(count, random)
        others = self._picker.others(count, random)
        which = np.where(self._kinds == OTHER_SIGN, others, which)
        fills = (random.random(count) < (0.35 if self._size <= LOW_PX else 0.08)) & (share > 0.7)
        boxes = ink_boxes(self._tiles.images[which])
        stretch = np.exp(random.normal(0, 0.13, (count, 2)))
        size = (share * (self.extents / (boxes * stretch)).min(1))[:, np.newaxis]
        is_narrow = fills & ((boxes * stretch)[:, 1] < 0.35 * (boxes * stretch)[:, 0])
        filling = self.extents / boxes / size * random.uniform(0.9, 1.02, (count, 1))
        stretch = np.where(fills[:, np.newaxis], filling, stretch)
        unfilled = np.exp(random.normal(0, 0.13, (count, 2)))  # a 1 is not made as wide as its crop
        scale = size * np.where(is_narrow[:, np.newaxis], unfilled, stretch)
        self._slant = np.where(fills, self._slant * 0.3, self._slant)
        self._turn = np.where(fills, self._turn * 0.3, self._turn)
        room = self.extents - boxes * scale
        slack = room / 2 * random.uniform(-1, 1, (count, 2)) * np.where(is_crowded, 0.35, 0.9)[:, np.newaxis]
        slack = np.where(room < 0, room * 0.3 * random.uniform(-1, 1, (count, 2)), slack)
        centre = self.extents / 2 + slack
        is_single = (self._kinds == DIGIT) | (self._kinds == OTHER_SIGN)
        self.labels = np.where(is_single, self._tiles.labels[which], OTHER)
        single = np.flatnonzero(is_single)
        self._place(self.meant, single, which[single], centre[single], scale[single])
        self._write_several(np.flatnonzero(self._kinds == SEVERAL))
        self._write_beside(np.flatnonzero(is_crowded & is_single), centre, boxes * scale, size)
        often = np.where(self._kinds == EMPTY, 0.35, 0.08)
        self._write_at_edges(np.flatnonzero(random.random(count) < often))

    def _draw_shares(self, count: int) -> NDArray[np.float64]:
        """How much of the crop the digit takes: tight, usual or small."""
        random = self._random
        kind = random.random(count)
        tight, usual = random.uniform(0.8, 1.04, count), random.uniform(0.45, 0.85, count)
        small = np.exp(random.uniform(np.log(0.18), np.log(0.5), count))
        share = np.where(kind < 0.3, tight, np.where(kind < 0.8, usual, small))
        return np.clip(share, np.minimum(1.0, SMALLEST_PX / self.extents.min(1)), None)

    def _write_several(self, chosen: Places) -> None:
        """Two to four digits, all of them whole."""
        random, count = self._random, len(chosen)
        if not count:
            return
        number = random.integers(2, 5, count)
        height, width = self.extents[chosen].T
        high = np.minimum(height * 0.8, width * 1.15 / number) * random.uniform(0.55, 1, count)
        step = high * random.uniform(0.6, 0.85, count)
        middle = self.extents[chosen] / 2 + random.normal(0, 0.05, (count, 2)) * self._size
        for place in range(4):
            some = np.flatnonzero(number > place)
            across = (place - (number[some] - 1) / 2) * step[some]
            centre = middle[some] + np.stack([random.normal(0, 0.04, len(some)) * high[some], across], 1)
            which = self._picker.digits(len(some), random)
            scale = (high[some] / INK)[:, np.newaxis] * np.exp(random.normal(0, 0.08, (len(some), 2)))
            self._place(self.meant, chosen[some], which, centre, scale)

    def _write_beside(self, crowded: Places, centre: Pairs, box: Pairs, size: Pairs) -> None:
        """Digits, letters or print before, behind, above and below the digit, and a dot or dash behind it."""
        random = self._random
        for side, share in ((-1, 0.62), (1, 0.62), (-2, 0.12), (2, 0.12)):
            some = crowded[random.random(len(crowded)) < share]
            if not len(some):
                continue
            is_print = random.random(len(some)) < 0.1
            is_digit = random.random(len(some)) < 0.75
            digits, others = self._picker.digits(len(some), random), self._picker.others(len(some), random)
            which = np.where(is_digit, digits, others)
            mine = box[some]
            factor = size[some] * np.exp(random.normal(0, 0.12, (len(some), 2)))
            apart = (mine + ink_boxes(self._tiles.images[which]) * factor) / 2
            gap = random.uniform(-0.1, 0.4, len(some)) * mine[:, 0]
            if abs(side) == 1:
                away = np.sign(side) * (apart[:, 1] + gap * 0.6)
                off = np.stack([random.normal(0, 0.07, len(some)) * mine[:, 0], away], 1)
            else:
                away = np.sign(side) * (apart[:, 0] + gap.clip(0))
                off = np.stack([away, random.normal(0, 0.4, len(some)) * mine[:, 1]], 1)
            there, by_hand = centre[some] + off, ~is_print
            self._place(self.beside, some[by_hand], which[by_hand], there[by_hand], factor[by_hand])
            self._print(some[is_print], there[is_print], factor[is_print])
        dotted = crowded[random.random(len(crowded)) < 0.3]
        if len(dotted):
            self._dot(dotted, centre[dotted], box[dotted])

    def _dot(self, chosen: Places, centre: Pairs, mine: Pairs) -> None:
        """A dot or a dash at the foot of a digit of that size."""
        random, count, high = self._random, len(chosen), mine[:, 0]
        radius = high * random.uniform(0.03, 0.1, count)
        row = centre[:, 0] + high * random.uniform(0.35, 0.55, count)
        column = centre[:, 1] + mine[:, 1] / 2 + high * random.uniform(0.08, 0.3, count)
        wide = radius * np.where(random.random(count) < 0.25, 3, 1)
        pixel = torch.arange(self._size, dtype=torch.float32) + 0.5
        down = (pixel.unsqueeze(1) - _column(row)) / _column(radius)
        across = (pixel - _column(column)) / _column(wide)
        cover = ((1 - (down.square() + across.square()).sqrt()) * _column(radius) + 0.5).clamp(0, 1)
        self.beside[chosen] = torch.maximum(self.beside[chosen], cover)

    def _write_at_edges(self, chosen: Places) -> None:
        """Rests of writing and print, most of it beyond the crop."""
        random, count = self._random, len(chosen)
        if not count:
            return
        high = random.uniform(0.3, 1.0, count) * self._size
        side = random.integers(0, 4, count)
        beyond = high * random.uniform(0.15, 0.4, count)
        along = random.uniform(0, 1, count) * self._size
        height, width = self.extents[chosen].T
        row = np.choose(side, [-beyond, height + beyond, along, along])
        column = np.choose(side, [along, along, -beyond, width + beyond])
        centre, scale = np.stack([row, column], 1), np.stack([high, high], 1) / INK
        is_print = random.random(count) < 0.3
        self._print(chosen[is_print], centre[is_print], scale[is_print] * 0.6)
        which = self._picker.digits(int((~is_print).sum()), random)
        self._place(self.beside, chosen[~is_print], which, centre[~is_print], scale[~is_print])

    def _print(self, chosen: Places, centre: Pairs, scale: Pairs) -> None:
        """Printed characters: upright, and of no pen."""
        if len(chosen):
            which = self._random.integers(len(self._tiles.printed), size=len(chosen))
            ink = torch.tensor(self._tiles.printed[which]).to(torch.float32) / 255
            zeros = np.zeros(len(chosen))
            grid = self._grid(centre, scale, zeros, zeros)
            self._draw(self.beside, chosen, ink, grid)

    def _place(self, layer: Tensor, chosen: Places, which: Places, centre: Pairs, scale: Pairs) -> None:
        """Tiles as the hands of their crops write them; `scale` is pixels of the crop in one of the tile."""
        if not len(chosen):
            return
        ink = torch.tensor(self._tiles.images[which]).to(torch.float32) / 255
        ink = change_pen(ink, _column(self._pen[chosen]))
        grid = self._grid(centre, scale, self._slant[chosen], self._turn[chosen])
        knots = torch.tensor(self._random.normal(0, 1, (len(chosen), 2, 5, 5)), dtype=torch.float32)
        strength = torch.tensor(self._random.uniform(0, 0.06, (len(chosen), 1, 1, 1)), dtype=torch.float32)
        self._draw(layer, chosen, ink, grid + bend(knots * strength, grid.shape[1]))

    def _grid(
        self, centre: Pairs, scale: Pairs, slant: NDArray[np.float64], turn: NDArray[np.float64]
    ) -> Tensor:
        """Which place of its tile each pixel of the crop shows: shifted, turned, slanted and scaled back."""
        half = self._size / 2
        cos, sin = np.cos(turn), np.sin(turn)
        high, wide = (self._size / (TILE * scale)).T
        down, right = ((centre - half) / half).T
        x_of = np.stack([wide * (cos - slant * sin), wide * (sin + slant * cos)], 1)
        y_of = np.stack([-high * sin, high * cos], 1)
        rows = [
            np.concatenate([turned, -(turned * np.stack([right, down], 1)).sum(1, keepdims=True)], 1)
            for turned in (x_of, y_of)
        ]
        side = self._size * (2 if self._size <= FINE_UP_TO_PX else 1)
        matrices = torch.tensor(np.stack(rows, 1), dtype=torch.float32)
        return F.affine_grid(matrices, [len(centre), 1, side, side], align_corners=False)

    def _draw(self, layer: Tensor, chosen: Places, ink: Tensor, grid: Tensor) -> None:
        drawn = F.grid_sample(ink.unsqueeze(1), grid, align_corners=False)
        if drawn.shape[2] > self._size:
            drawn = F.avg_pool2d(drawn, 2)
        layer[chosen] = torch.maximum(layer[chosen], drawn.squeeze(1))


def ink_boxes(tiles: NDArray[np.uint8]) -> Pairs:
    """Rows and columns of the ink of tiles (n, TILE, TILE)."""
    inked = tiles > 60
    high, wide = (inked.any(axis).sum(1) for axis in (2, 1))
    return np.asarray(np.maximum(1, np.stack([high, wide], 1)), np.float64)


def _column(values: NDArray[np.float64]) -> Tensor:
    """(n,) -> (n, 1, 1) float32."""
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1)
