"""Digits and signs -> lines of writing with their texts, composed during training.

Out: lines (B, LINE_HEIGHT, W) float32 in [0, 1], 1 is ink, as the graph shows them to the network; texts as
tuples of places in GLYPHS. A batch depends only on the seed and its number, so that training can resume.

Each line has one hand: layout of the glyphs, slant, pen, and spacing from wide gaps to overlap. Rules, specks
and parts of neighbouring lines are added around it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.constants import FRAME_SIZE, GLYPHS, LINE_HEIGHT
from number_prediction.datasets.split import Split
from number_prediction.training.synthesis.glyphs import Glyphs, LineRecipe, draw_glyphs
from number_prediction.training.synthesis.hands import Hand
from number_prediction.training.synthesis.handwriting import draw_by_hand
from number_prediction.training.synthesis.papers import add_rules, spoil
from number_prediction.training.synthesis.placement import (
    GLYPH_SIDE_PX,
    SMALL_GLYPHS,
    Middles,
    measure_room,
    place_glyphs,
)
from number_prediction.training.synthesis.texts import draw_text
from number_prediction.training.synthesis.words import draw_word, is_word, name_letters

SAME_SHAPES_SHARE = 0.5
"""Share of the lines on which the same digit has the same shape."""

Texts: TypeAlias = "tuple[tuple[int, ...], ...]"
"""Texts of lines, as places in GLYPHS."""


class Written(NamedTuple):
    """Texts of lines, and where their glyphs are."""

    texts: Texts
    middles: tuple[Middles, ...]
    """Middles of each line's glyphs."""
    width: int
    """Width of the lines in pixels."""


@dataclass(frozen=True)
class LineBatch:
    """A batch of lines."""

    frames: Tensor
    """(B, LINE_HEIGHT, W) float32 in [0, 1]."""
    written: Written
    """Their texts, and where the glyphs are."""


def make_composer(split: Split, recipe: LineRecipe, *, seed: int) -> LineComposer:
    """A composer of lines by a recipe, from frames of digits (N, 28, 28) uint8."""
    glyphs = draw_glyphs(split, recipe, seed=seed)
    return LineComposer(glyphs, seed=seed, dated=recipe.dated, worded=recipe.worded, printed=recipe.printed)


class LineComposer:
    """Composes lines from single glyphs."""

    def __init__(
        self,
        glyphs: Glyphs,
        *,
        seed: int,
        dated: float = LineRecipe.dated,
        worded: float = LineRecipe.worded,
        printed: float = LineRecipe.printed,
    ) -> None:
        """`dated`, `worded` and `printed` are shares of the lines, see `LineRecipe`."""
        fonts = len(glyphs.printed)
        in_print = glyphs.printed.reshape(-1, FRAME_SIZE, FRAME_SIZE)
        self._frames = torch.tensor(np.concatenate([glyphs.frames, in_print]))
        self._in_print = len(glyphs.frames) + np.arange(len(in_print)).reshape(fonts, 10)
        """(F, 10) frame of each digit in each font."""
        self._of_glyph = [np.flatnonzero(glyphs.places == place) for place in range(glyphs.places.max() + 1)]
        self._digits = np.flatnonzero(glyphs.places <= 10)
        self._seed, self._dated, self._worded, self._printed = seed, dated, worded, printed
        content = hashlib.sha256(glyphs.frames.tobytes())
        content.update(glyphs.printed.tobytes())
        content.update(glyphs.places.tobytes())
        self.data_sha256 = content.hexdigest()
        """SHA-256 of the glyphs, hexadecimal."""

    def batch(self, number: int, count: int, width: int) -> LineBatch:
        """Compose batch `number`: `count` lines of `width` pixels."""
        random = np.random.default_rng([self._seed, number])
        texts = [self._draw_text(random, width) for _ in range(count)]
        hands = [Hand(random, is_word=is_word(text)) for text in texts]
        layouts = [hand.lay_out(text, random) for hand, text in zip(hands, texts, strict=True)]
        owner = np.repeat(np.arange(count), [len(text) for text in texts])
        sources = np.concatenate([self._choose(text, random) for text in texts])
        heights = np.concatenate([layout.heights for layout in layouts])
        patches = draw_by_hand(self._frames[torch.tensor(sources)], heights, owner, hands, random)
        canvas = torch.zeros(count, LINE_HEIGHT + 2 * GLYPH_SIDE_PX, width + 2 * GLYPH_SIDE_PX)
        room = measure_room(patches)
        kept: list[Middles] = []
        first = 0
        for line, (text, hand, layout) in enumerate(zip(texts, hands, layouts, strict=True)):
            glyphs_of_line = slice(first, first + len(text))
            placed = place_glyphs(
                canvas[line], patches[glyphs_of_line], room.of(glyphs_of_line), text, hand, layout, random
            )
            kept.append(placed[: _read_of(text[: len(placed)])])
            first += len(text)
            self._add_neighbours(canvas[line], random)
        lines = canvas[:, GLYPH_SIDE_PX:-GLYPH_SIDE_PX, GLYPH_SIDE_PX:-GLYPH_SIDE_PX].clone()
        for line in lines:
            add_rules(line, random)
        read = tuple(name_letters(text[: len(placed)]) for text, placed in zip(texts, kept, strict=True))
        return LineBatch(spoil(lines, random), Written(read, tuple(kept), width))

    def draw(self, number: int, count: int, width: int) -> tuple[NDArray[np.uint8], list[str]]:
        """The same lines as pictures (count, LINE_HEIGHT, width) uint8, dark on light, and their numbers.

        The number of a word is "".
        """
        lines = self.batch(number, count, width)
        pages = (255 * (1 - lines.frames)).round().to(torch.uint8).numpy()
        return pages, [
            "" if is_word(text) else "".join(GLYPHS[place] for place in text) for text in lines.written.texts
        ]

    def _draw_text(self, random: np.random.Generator, width: int) -> tuple[int, ...]:
        if random.random() < self._worded:
            return draw_word(random, width)
        return draw_text(random, width, dated=self._dated)

    def _choose(self, text: tuple[int, ...], random: np.random.Generator) -> NDArray[np.int64]:
        """A frame for each glyph; some hands, like all fonts, repeat the same shape of a digit."""
        if not is_word(text) and random.random() < self._printed:
            font = random.choice(self._in_print)
            return np.array(
                [
                    font[glyph - 1] if 1 <= glyph <= 10 else random.choice(self._of_glyph[glyph])
                    for glyph in text
                ],
                np.int64,
            )
        chosen = np.array([random.choice(self._of_glyph[glyph]) for glyph in text], np.int64)
        if random.random() > SAME_SHAPES_SHARE:
            return chosen
        first = {glyph: place for place, glyph in reversed(list(enumerate(text)))}
        return chosen[[first[glyph] for glyph in text]]

    def _add_neighbours(self, canvas: Tensor, random: np.random.Generator) -> None:
        """Add parts of other writing that reach into the line from above and below."""
        if random.random() > 0.15:
            return
        for _ in range(random.integers(1, 4)):
            source = self._frames[int(random.choice(self._digits))].to(torch.float32) / 255
            reach = int(random.integers(2, 10))
            top = (
                GLYPH_SIDE_PX - 24 + reach
                if random.random() < 0.5
                else GLYPH_SIDE_PX + LINE_HEIGHT - 4 - reach
            )
            left = int(random.integers(GLYPH_SIDE_PX, canvas.shape[1] - GLYPH_SIDE_PX - FRAME_SIZE + 14))
            part = canvas[top : top + FRAME_SIZE, left : left + FRAME_SIZE]
            torch.maximum(part, source, out=part)


def _read_of(text: tuple[int, ...]) -> int:
    """How many glyphs are to be read: dots and commas at the end are left out, as the end of a sentence."""
    while text and text[-1] in SMALL_GLYPHS:
        text = text[:-1]
    return len(text)
