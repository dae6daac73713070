"""Tiles: single drawings, cut out and of one size, from which crops of paper are composed.

MNIST, the drawings of the repository, printed letters and open data -> tiles (T, TILE, TILE) uint8, 255 is
ink. The ink fits a box of INK pixels in the middle. Scans become tiles by their darkness against their own
paper, strokes by a random pen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from number_prediction.datasets.open_data import OpenSource, Strokes
from number_prediction.datasets.split import Split
from number_prediction.training.synthesis import nondigits
from number_prediction.training.synthesis.pen import write
from number_prediction.training.synthesis.stroke_tables import DIGIT_WRITINGS, OTHERS
from number_prediction.training.synthesis.words import print_digits, print_letters

Drawing = NDArray[np.uint8]
"""(H, W) uint8, 255 is ink."""

TILE = 64
"""Pixels a side of a tile."""
INK = 44
"""Pixels of the longer side of the ink in it; the margin is for thick pens."""
CLASSES = 10
OTHER = CLASSES
"""Label of what is no digit."""
DATA_SET = "mnist"
"""Name of the source that is the data set itself."""
LOOKALIKES = frozenset("OoIlizZsSGbBgqDQ")
"""Letters that look like a digit: no examples of non-digits."""
ALIKE_DOODLES = frozenset({"line", "circle", "moon", "boomerang", "squiggle", "hockey stick", "zigzag"})
"""Doodles that may look like a digit."""
DIGITS_OF_COUNTS = 55_000
"""Digits of a data set that the counts below go with; fewer in proportion."""
PER_WRITING = 120
"""Tiles of each writing of a digit."""
PER_SIGN = 60
"""Tiles of each writing of another character."""
GENERATED = 1200
"""Tiles of each kind of generated non-digit."""
PENS = {"pendigits-orig-train": 2, "uji2-digits": 8, "bridger-numberpad": 3, "uji1-letters": 3}
"""How many pens draw each drawing of a source of strokes; one where it is not named."""
DARKEST_INK, PALEST_INK = 0.85, 0.25
"""Darkness against the paper, as a share of the scan's darkest, from which ink is full, and below which
there is none."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Drawings to compose with."""

    images: NDArray[np.uint8]
    """(T, TILE, TILE), 255 is ink."""
    labels: NDArray[np.int64]
    """(T,) the digit, or OTHER."""
    sources: NDArray[np.int64]
    """(T,) place in `names`."""
    names: tuple[str, ...]
    printed: NDArray[np.uint8]
    """(P, TILE, TILE) printed characters, which stand beside writing."""


def make_tiles(split: Split, sources: Mapping[str, OpenSource], *, seed: int) -> Tiles:
    """All tiles: of a split of digit frames (N, 28, 28), of the repository's drawings and of open sources."""
    random = np.random.default_rng(seed)
    images: list[Drawing] = []
    labels: list[int] = []
    places: list[int] = []
    names: list[str] = []
    for name, drawings in _drawings(split, sources, random):
        names.append(name)
        for label, drawing in drawings:
            tile = _to_tile(drawing)
            if tile is not None:
                images.append(tile)
                labels.append(label)
                places.append(len(names) - 1)
    printed = [_to_tile(each) for each in (*print_letters(), *print_digits().reshape(-1, 28, 28))]
    return Tiles(
        np.stack(images),
        np.array(labels, np.int64),
        np.array(places, np.int64),
        tuple(names),
        np.stack([each for each in printed if each is not None]),
    )


Labelled = Iterator[tuple[int, Drawing]]


def _drawings(
    split: Split, sources: Mapping[str, OpenSource], random: np.random.Generator
) -> Iterator[tuple[str, Labelled]]:
    """The name of each source and its drawings with their labels."""
    frames = np.asarray(split.images)
    yield DATA_SET, ((int(label), frame) for label, frame in zip(split.labels, frames, strict=True))
    share = len(frames) / DIGITS_OF_COUNTS

    def times(count: int) -> range:
        return range(max(1, round(count * share)))

    yield "writings", _writings(times(PER_WRITING), random)
    yield "signs", _signs(times(PER_SIGN), random)
    yield "generated", _generated(frames, times(GENERATED), random)
    for name, source in sources.items():
        yield name, _open(source, random)


def _writings(times: range, random: np.random.Generator) -> Labelled:
    for digit, writings in DIGIT_WRITINGS.items():
        for writing in writings:
            for _ in times:
                yield digit, write(writing, random, widest=9.0)


def _signs(times: range, random: np.random.Generator) -> Labelled:
    for name, writings in OTHERS.items():
        for writing in writings if name not in LOOKALIKES else ():
            for _ in times:
                yield OTHER, write(writing, random, widest=9.0)


def _generated(frames: NDArray[np.uint8], times: range, random: np.random.Generator) -> Labelled:
    for draw in (
        nondigits.scribble,
        nondigits.doodle,
        nondigits.ruling,
        nondigits.character,
        nondigits.blot,
    ):
        for _ in times if draw is not nondigits.blot else times[: -(-len(times) // 3)]:
            yield OTHER, draw(random)
    for _ in times:
        yield OTHER, nondigits.several_digits(random, frames)


def _open(source: OpenSource, random: np.random.Generator) -> Labelled:
    for index, text in enumerate(source.labels):
        if text in LOOKALIKES or text in ALIKE_DOODLES or text in ("^", "/"):
            continue
        label = int(text) if len(text) == 1 and text.isdecimal() else OTHER
        if source.strokes:
            for _ in range(PENS.get(source.name, 1)):
                yield label, draw_strokes(source.strokes[index], random)
        elif label != OTHER or len(text) == 1 or random.random() < 0.5:
            yield label, _darkness(source.pages[index])


def draw_strokes(strokes: Strokes, random: np.random.Generator) -> Drawing:
    """Strokes drawn by a random pen: (TILE, TILE) with their box in the middle."""
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    fine = 3
    scale = INK * fine / max(float((high - low).max()), 1e-6)
    width = float(np.exp(random.uniform(np.log(1.3), np.log(6.5))))
    picture = Image.new("L", (TILE * fine, TILE * fine))
    draw = ImageDraw.Draw(picture)
    for stroke in strokes:
        placed = (stroke - (low + high) / 2) * scale + TILE * fine / 2
        if random.random() < 0.5:  # an unsteady hand
            placed = placed + np.cumsum(random.normal(0, 0.25, placed.shape), 0)
        pen = width * fine * random.uniform(0.85, 1.15)
        places = [tuple(each) for each in placed]
        if len(places) > 1:
            draw.line(places, fill=255, width=max(1, round(pen)), joint="curve")
        for x, y in (places[0], places[-1]):
            draw.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return np.asarray(picture.resize((TILE, TILE), Image.Resampling.BOX))


def _darkness(page: NDArray[np.uint8]) -> Drawing:
    """Ink of a clean scan of any polarity: how far each pixel is from the paper, the most frequent grey."""
    grey = page.astype(np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    away = np.abs(grey - np.median(border))
    share = away / max(float(np.quantile(away, 0.995)), 1.0)
    full = DARKEST_INK - PALEST_INK
    ink = (share - PALEST_INK).clip(0, full) * (255 / full)
    return np.asarray(ink.astype(np.uint8))


def _to_tile(drawing: Drawing) -> Drawing | None:
    """A drawing cut to its ink and set into a tile; None where there is hardly any."""
    inked = drawing > 60
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if len(rows) == 0 or inked.sum() < 6:
        return None
    top, left = max(0, rows[0] - 1), max(0, columns[0] - 1)
    cut = Image.fromarray(drawing[top : rows[-1] + 2, left : columns[-1] + 2])
    scale = INK / max(cut.size)
    if cut.size != (TILE, TILE):
        size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
        cut = cut.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX)
    tile = Image.new("L", (TILE, TILE))
    tile.paste(cut, ((TILE - cut.width) // 2, (TILE - cut.height) // 2))
    return np.asarray(tile)
