"""Digits and signs -> lines of writing with their texts, composed on the fly.

Out: lines (B, LINE_HEIGHT, W) float32 in [0, 1], 1 is ink, as the graph shows them to the network; texts as
tuples of glyph numbers. A batch is a function of the seed and its number alone, so that training resumes.

Each line has one hand: how it lays its glyphs out, its slant, pen, and spacing from wide gaps to overlap.
Around it stands what stands around numbers on paper, and what reaches in from other lines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.constants import FRAME_SIZE, GLYPHS, LINE_HEIGHT
from number_prediction.datasets.split import Split
from number_prediction.training.augmentation.strokes import bend, change_pen
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX
from number_prediction.training.synthesis.glyphs import Glyphs, LineRecipe, draw_glyphs
from number_prediction.training.synthesis.hands import Hand, LineLayout
from number_prediction.training.synthesis.papers import UNIT_PX, add_rules, spoil
from number_prediction.training.synthesis.texts import draw_text
from number_prediction.training.synthesis.words import draw_word, is_word, name_letters

PATCH = 64
"""Pixels a side of the picture of one glyph before it is put into its line."""
KERNING_ROWS = 4
"""Rows above and below in which glyphs keep their distance."""
MARK = 0.25
"""Ink above this counts for a glyph's width."""
SAME_SHAPES = 0.5
"""Share of the lines on which the same digit has the same shape."""
EDGE = 3
"""Pixels of paper at the ends of a line."""
_SMALL = (GLYPHS.index("."), GLYPHS.index(","))
_MNIST_HEIGHT = 20 / FRAME_SIZE
"""Height of a digit in its frame."""


_Placed: TypeAlias = "tuple[float, ...]"
"""Middles of the glyphs of a line."""


@dataclass(frozen=True)
class LineBatch:
    """A batch of lines."""

    frames: Tensor
    """(B, LINE_HEIGHT, W) float32 in [0, 1]."""
    written: Written
    """What they say, and where."""


def make_composer(split: Split, recipe: LineRecipe, *, seed: int) -> LineComposer:
    """What composes lines as a recipe says from frames of digits (N, 28, 28) uint8."""
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
        """Shares of the lines as in `LineRecipe`."""
        fonts = len(glyphs.printed)
        in_print = glyphs.printed.reshape(-1, FRAME_SIZE, FRAME_SIZE)
        self._frames = torch.tensor(np.concatenate([glyphs.frames, in_print]))
        self._in_print = len(glyphs.frames) + np.arange(len(in_print)).reshape(fonts, 10)
        """Frame of each digit in each font."""
        self._of_glyph = [np.flatnonzero(glyphs.places == place) for place in range(glyphs.places.max() + 1)]
        self._digits = np.flatnonzero(glyphs.places <= 10)
        self._seed, self._dated, self._worded, self._printed = seed, dated, worded, printed
        content = hashlib.sha256(glyphs.frames.tobytes())
        content.update(glyphs.printed.tobytes())
        content.update(glyphs.places.tobytes())
        self.data_sha256 = content.hexdigest()
        """Of the glyphs, hexadecimal."""

    def batch(self, number: int, count: int, width: int) -> LineBatch:
        """Batch `number`: `count` lines of `width` pixels."""
        random = np.random.default_rng([self._seed, number])
        texts = [self._draw_text(random, width) for _ in range(count)]
        hands = [Hand(random, is_word=is_word(text)) for text in texts]
        layouts = [hand.lay_out(text, random) for hand, text in zip(hands, texts, strict=True)]
        owner = np.repeat(np.arange(count), [len(text) for text in texts])
        sources = np.concatenate([self._choose(text, random) for text in texts])
        heights = np.concatenate([layout.heights for layout in layouts])
        patches = self._write(sources, heights, owner, hands, random)
        canvas = torch.zeros(count, LINE_HEIGHT + 2 * PATCH, width + 2 * PATCH)
        room = _measure(patches)
        kept: list[_Placed] = []
        first = 0
        for line, (text, hand, layout) in enumerate(zip(texts, hands, layouts, strict=True)):
            glyphs_of_line = slice(first, first + len(text))
            placed = _place(
                canvas[line], patches[glyphs_of_line], room.of(glyphs_of_line), text, hand, layout, random
            )
            kept.append(placed[: _read_of(text[: len(placed)])])
            first += len(text)
            self._add_neighbours(canvas[line], random)
        lines = canvas[:, PATCH:-PATCH, PATCH:-PATCH].clone()
        for line in lines:
            add_rules(line, random)
        read = tuple(name_letters(text[: len(placed)]) for text, placed in zip(texts, kept, strict=True))
        return LineBatch(spoil(lines, random), Written(read, tuple(kept), width))

    def draw(self, number: int, count: int, width: int) -> tuple[NDArray[np.uint8], list[str]]:
        """The same lines as pictures (count, LINE_HEIGHT, width) uint8, dark on light, and their numbers.

        A word says "".
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
        """A picture of each glyph; some hands write the same digit alike throughout, as all print does."""
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
        if random.random() > SAME_SHAPES:
            return chosen
        first = {glyph: place for place, glyph in reversed(list(enumerate(text)))}
        return chosen[[first[glyph] for glyph in text]]

    def _write(
        self,
        sources: NDArray[np.int64],
        heights: NDArray[np.float32],
        owner: NDArray[np.int64],
        hands: list[Hand],
        random: np.random.Generator,
    ) -> Tensor:
        """(K, PATCH, PATCH): each glyph in its height by the hand of its line."""
        count = len(sources)

        def of_line(name: str) -> NDArray[np.float32]:
            return np.array([getattr(hand, name) for hand in hands], np.float32)[owner]

        angle = np.radians(of_line("rotation") + random.normal(0, 3, count)).astype(np.float32)
        slant = of_line("slant") + random.normal(0, 0.05, count).astype(np.float32)
        wide = of_line("wide") * np.exp(random.normal(0, 0.08, count)).astype(np.float32)
        scale = _MNIST_HEIGHT * PATCH / (DIGIT_HEIGHT_PX * heights)
        cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(count, np.float32)
        to_x = np.stack([cos / wide * scale, (cos * slant - sin) * scale, zero], 1)
        to_y = np.stack([sin / wide * scale, (sin * slant + cos) * scale, zero], 1)
        matrices = torch.tensor(np.stack([to_x, to_y], 1), dtype=torch.float32)
        grid = F.affine_grid(matrices, [count, 1, PATCH, PATCH], align_corners=False)
        knots = random.uniform(-1, 1, (count, 2, 4, 4)) * random.uniform(0, 0.13, (count, 1, 1, 1))
        grid = grid + bend(torch.tensor(knots, dtype=torch.float32), PATCH)
        ink = self._frames[torch.tensor(sources)].to(torch.float32).unsqueeze(1) / 255
        ink = F.grid_sample(ink, grid, align_corners=False).squeeze(1)
        pen = torch.tensor(of_line("pen") + random.normal(0, 0.15, count).astype(np.float32))
        written = change_pen(ink, UNIT_PX * pen.clamp(min=-0.8).reshape(-1, 1, 1))
        ink = torch.where(written.amax((1, 2), keepdim=True) > MARK, written, ink)  # a hair stays one
        peak = ink.amax((1, 2), keepdim=True).clamp(min=1e-3)
        strength = torch.tensor(np.exp(-np.abs(random.normal(0, 0.15, count))), dtype=torch.float32)
        return ink / peak * strength.reshape(-1, 1, 1)

    def _add_neighbours(self, canvas: Tensor, random: np.random.Generator) -> None:
        """Parts of other writing that reach into the line from above and below."""
        if random.random() > 0.15:
            return
        for _ in range(random.integers(1, 4)):
            source = self._frames[int(random.choice(self._digits))].to(torch.float32) / 255
            reach = int(random.integers(2, 10))
            top = PATCH - 24 + reach if random.random() < 0.5 else PATCH + LINE_HEIGHT - 4 - reach
            left = int(random.integers(PATCH, canvas.shape[1] - PATCH - FRAME_SIZE + 14))
            part = canvas[top : top + FRAME_SIZE, left : left + FRAME_SIZE]
            torch.maximum(part, source, out=part)


def _read_of(text: tuple[int, ...]) -> int:
    """How many glyphs are to be read: not a dot after the last of them, which ends a sentence."""
    while text and text[-1] in _SMALL:
        text = text[:-1]
    return len(text)


class _Room(NamedTuple):
    """How much room glyphs take, in pixels from the left of each one's picture."""

    lefts: list[int]
    rights: list[int]
    meets: list[float]
    """How far right of one's picture that of the next lies if they just do not touch."""

    def of(self, some: slice) -> _Room:
        """Of a part of the glyphs."""
        return _Room(self.lefts[some], self.rights[some], self.meets[some])


def _measure(patches: Tensor) -> _Room:
    """Of pictures (K, PATCH, PATCH), in the order in which they are written."""
    column = torch.arange(PATCH, dtype=torch.float32)
    marked = patches > MARK
    is_lost = ~marked.any(2).any(1)  # so small that no pixel was hit; it takes no room
    marked[is_lost, PATCH // 2, PATCH // 2] = True
    far = 2.0 * PATCH
    left = torch.where(marked, column, far).amin(2)  # (K, PATCH): of each row
    right = torch.where(marked, column + 1, -far).amax(2)
    lefts, rights = left.amin(1), right.amax(1)
    near = 2 * KERNING_ROWS + 1
    right = F.max_pool1d(right, near, 1, KERNING_ROWS)
    left = -F.max_pool1d(-left, near, 1, KERNING_ROWS)
    meets = (right - left.roll(-1, 0)).amax(1)
    boxes = rights - lefts.roll(-1, 0)
    meets = torch.where(meets > -PATCH, meets, boxes)  # no row of one is a row of the next
    return _Room(lefts.to(torch.int64).tolist(), rights.to(torch.int64).tolist(), meets.tolist())


def _place(
    canvas: Tensor,
    patches: Tensor,
    room: _Room,
    text: tuple[int, ...],
    hand: Hand,
    layout: LineLayout,
    random: np.random.Generator,
) -> _Placed:
    """Put the glyphs of one line side by side; returns where those are that fit."""
    height = layout.unit * DIGIT_HEIGHT_PX
    end_of_line = canvas.shape[1] - 2 * PATCH - 2 * EDGE
    x, end = -float(room.lefts[0]) if text else 0.0, 0.0
    places: list[float] = []
    middles: list[float] = []
    for k in range(len(text)):
        if k:
            small = text[k] in _SMALL or text[k - 1] in _SMALL
            boxes = room.rights[k - 1] - room.lefts[k]
            x += boxes + hand.kerning * (room.meets[k - 1] - boxes)
            x += height * ((min(hand.gap, 0.14) if small else hand.gap) + random.normal(0, hand.uneven))
        middle = (room.lefts[k] + room.rights[k]) / 2
        if middles:  # however far a stroke reaches over its neighbours, they stand in their order
            x = max(x, middles[-1] + 1 - middle)
        if x + room.rights[k] > end_of_line:
            break
        places.append(x)
        middles.append(x + middle)
        end = max(end, x + room.rights[k])
    if not places:
        return ()
    slack = max(0, end_of_line - end)
    begin = EDGE + (random.uniform(0, slack) if random.random() < 0.5 else min(slack, random.uniform(0, 8)))
    for k, place in enumerate(places):
        left = PATCH + round(begin) + round(place)
        top = PATCH + round((LINE_HEIGHT - PATCH) / 2 + float(layout.middles[k]) * DIGIT_HEIGHT_PX)
        part = canvas[top : top + PATCH, max(0, left) : left + PATCH]
        torch.maximum(part, patches[k][:, : part.shape[1]], out=part)
    return tuple(round(begin) + middle for middle in middles)


Texts: TypeAlias = "tuple[tuple[int, ...], ...]"


class Written(NamedTuple):
    """What lines say, and where."""

    texts: Texts
    middles: tuple[tuple[float, ...], ...]
    """Of each glyph, in pixels from the line's left edge."""
    width: int
    """Of the lines, in pixels."""
