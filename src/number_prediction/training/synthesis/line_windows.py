"""Windows of lines of real paper: one digit in the middle and what stands beside it, or no single digit.

Sources of numbers and words -> labelled pages (h, w) uint8. The packaged model for numbers finds the place of
each digit of a line; it is told what the line says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from number_prediction.constraints.constraint import one_of
from number_prediction.datasets.open_data import OpenSource
from number_prediction.images.decode import Page
from number_prediction.images.geometry import Box
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.training.synthesis.tiles import OTHER

WINDOWS_PER_WRITER = 2400
"""Windows that the digits of one writer share; each digit has at least one."""
MAX_WINDOWS_PER_DIGIT = 8
WINDOWS_PER_WORD = 6
MIN_FIT = 1e-3
"""Probability that a line says what its label says; the places on a line of a lower one are not trusted."""
SEVERAL_DIGITS = 3
"""A whole number of at least so many digits is not a digit."""
MIN_SIDE_PX = 8
"""Windows are at least so high and wide."""
MIN_ASPECT = 0.35
"""Width of a digit in its heights, of which a window shows at least so much."""
REDUCED, MIN_REDUCED_PX = 0.5, 24
"""Share of the windows that are reduced, and the height down to which they are."""
INVERTED = 0.2
"""Share of the windows that are shown light on dark."""


class Window(NamedTuple):
    """Part of a line."""

    page: Page
    label: int
    """The digit, or OTHER."""
    writer: str


def holds_lines(source: OpenSource) -> bool:
    """Whether the drawings of a source are pictures of whole numbers or words."""
    return bool(source.pages) and any(len(text) > 1 for text in source.labels)


def cut_windows(source: OpenSource, *, seed: int) -> Iterator[Window]:
    """Windows of all lines of a source; the writers share them evenly, as far as their lines reach.

    A source without lines, such as one of single digits or of strokes, gives none.
    """
    if not holds_lines(source):
        return
    random = np.random.default_rng(seed)
    numbers = [index for index, text in enumerate(source.labels) if text.isdecimal()]
    digits = Counter[str]()
    for index in numbers:
        digits[source.writers[index]] += len(source.labels[index])
    read = NumberPredictor().read_lines([source.pages[index] for index in numbers]) if numbers else []
    for index, line in zip(numbers, read, strict=True):
        page, text, writer = source.pages[index], source.labels[index], source.writers[index]
        placed = line.under(one_of(text))
        if placed.fit < MIN_FIT:
            continue
        count = int(np.clip(WINDOWS_PER_WRITER // digits[writer], 1, MAX_WINDOWS_PER_DIGIT))
        for glyph in placed.glyphs:
            for _ in range(count):
                window = _around(page, glyph.box, random)
                if min(window.shape) >= MIN_SIDE_PX:
                    yield Window(_vary(window, random), int(glyph.glyph), writer)
        if len(text) >= SEVERAL_DIGITS:
            yield Window(_vary(page, random), OTHER, writer)
    for page, text, writer in zip(source.pages, source.labels, source.writers, strict=True):
        if len(text) > 1 and not any(each.isdecimal() for each in text):
            for _ in range(WINDOWS_PER_WORD):
                yield Window(_vary(_part(page, random), random), OTHER, writer)


def _around(page: Page, box: Box, random: np.random.Generator) -> Page:
    """A window around a digit, of random size and place."""
    wide = max(box.width, MIN_ASPECT * box.height)
    height, width = box.height * random.uniform(1.0, 1.7), wide * random.uniform(1.0, 2.2)
    row = box.top + box.height / 2 + random.normal(0, 0.05) * box.height
    column = box.left + box.width / 2 + random.normal(0, 0.06) * wide
    rows = slice(max(0, round(row - height / 2)), max(0, round(row + height / 2)))
    columns = slice(max(0, round(column - width / 2)), max(0, round(column + width / 2)))
    return page[rows, columns]


def _part(page: Page, random: np.random.Generator) -> Page:
    """A part of a word that is at least twice as wide as high, where the word is."""
    height, width = page.shape
    wide = min(width, round(height * random.uniform(2.0, 4.0)))
    left = int(random.integers(0, width - wide + 1))
    return page[:, left : left + wide]


def _vary(page: Page, random: np.random.Generator) -> Page:
    """The window, perhaps smaller, and perhaps inverted."""
    height, width = page.shape
    if random.random() < REDUCED and height > MIN_REDUCED_PX:
        factor = random.uniform(MIN_REDUCED_PX / height, 1)
        size = max(MIN_SIDE_PX, round(width * factor)), max(MIN_SIDE_PX, round(height * factor))
        page = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.BOX))
    return 255 - page if random.random() < INVERTED else np.ascontiguousarray(page)
