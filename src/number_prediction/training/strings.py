"""Digits and signs -> lines of writing with their texts, composed on the fly.

Out: lines (B, LINE_HEIGHT, W) float32 in [0, 1], 1 is ink, as the graph shows them to the network; texts as
tuples of glyph numbers. A batch is a function of the seed and its number alone, so that training resumes.

Each line has one hand: slant, pen, size, spacing from wide gaps to overlap, baseline. Around it stands what
stands around numbers on paper: rules, boxes, dotted lines, parts of neighbours, specks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.training.ctc import Written
from number_prediction.training.glyphs import Glyphs
from number_prediction.training.line_framing import DIGIT_HEIGHT
from number_prediction.training.strokes import bend, change_pen, soften
from number_prediction.types import GLYPHS, LINE_HEIGHT

PATCH = 44
"""Pixels a side of the picture of one glyph before it is put into its line."""
SMALL_ZEROS, ZERO_SIZE = 0.4, (0.5, 0.95)
"""Share of the zeros that are written smaller than other digits, most on the base line; how much smaller."""
KERNING_ROWS = 3
"""Rows above and below in which glyphs keep their distance."""
MARK = 0.25
"""Ink above this counts for a glyph's width."""


_Placed: TypeAlias = "tuple[float, ...]"
"""Middles of the glyphs of a line."""


@dataclass(frozen=True)
class Lines:
    """A batch of lines."""

    frames: Tensor
    """(B, LINE_HEIGHT, W) float32 in [0, 1]."""
    written: Written
    """What they say, and where."""


class StringComposer:
    """Composes lines from single glyphs."""

    def __init__(self, glyphs: Glyphs, *, seed: int) -> None:
        self._frames = torch.tensor(glyphs.frames)
        self._of_glyph = [np.flatnonzero(glyphs.places == place) for place in range(len(GLYPHS))]
        self._digits = np.flatnonzero(glyphs.places <= 10)
        self._is_zero = glyphs.places == GLYPHS.index("0")
        self._is_one = glyphs.places == GLYPHS.index("1")
        self._seed = seed
        content = hashlib.sha256(glyphs.frames.tobytes())
        content.update(glyphs.places.tobytes())
        self.data_sha256 = content.hexdigest()
        """Of the glyphs, hexadecimal."""

    def batch(self, number: int, count: int, width: int) -> Lines:
        """Batch `number`: `count` lines of `width` pixels."""
        random = np.random.default_rng([self._seed, number])
        texts = [_text(random, width) for _ in range(count)]
        hands = [_Hand(random) for _ in range(count)]
        glyphs = np.concatenate([np.array(text, np.int64) for text in texts])
        owner = np.repeat(np.arange(count), [len(text) for text in texts])
        sources = np.array([random.choice(self._of_glyph[glyph]) for glyph in glyphs], np.int64)
        patches = self._write(sources, owner, hands, random)
        canvas = torch.zeros(count, LINE_HEIGHT + 2 * PATCH, width + 2 * PATCH)
        kept: list[_Placed] = []
        room = _measure(patches)
        index = 0
        for line, text in enumerate(texts):
            placed = _place(canvas[line], patches, index, text, room, hands[line], random, width)
            kept.append(placed[: _without_end_marks(text[: len(placed)])])
            index += len(text)
        for line in range(count):
            self._add_neighbours(canvas[line], random)
        lines = canvas[:, PATCH:-PATCH, PATCH:-PATCH].clone()
        for line in range(count):
            _add_rules(lines[line], random)
        read = tuple(text[: len(placed)] for text, placed in zip(texts, kept, strict=True))
        return Lines(_spoil(lines, random), Written(read, tuple(kept), width))

    def _write(
        self,
        sources: NDArray[np.int64],
        owner: NDArray[np.int64],
        hands: list[_Hand],
        random: np.random.Generator,
    ) -> Tensor:
        """(K, PATCH, PATCH): each glyph by the hand of its line."""
        count = len(sources)

        def of_line(name: str) -> NDArray[np.float32]:
            return np.array([getattr(hand, name) for hand in hands], np.float32)[owner]

        angle = np.radians(of_line("rotation") + random.normal(0, 3, count)).astype(np.float32)
        slant = of_line("slant") + random.normal(0, 0.05, count).astype(np.float32)
        size = of_line("size") * np.exp(random.normal(0, 1, count) * of_line("uneven_size"))
        size = np.where(self._is_one[sources], size * of_line("tall_ones"), size)
        is_zero = self._is_zero[sources] & (random.random(count) < SMALL_ZEROS)
        full = size
        size = np.where(is_zero, size * random.uniform(*ZERO_SIZE, count), size).astype(np.float32)
        drop = (full - size) * random.uniform(0, 1.1, count).astype(np.float32) * DIGIT_HEIGHT / PATCH
        wide = of_line("wide") * np.exp(random.normal(0, 0.08, count)).astype(np.float32)
        scale = 20 / DIGIT_HEIGHT * PATCH / 28
        cos, sin = np.cos(angle), np.sin(angle)
        x_of_y, y_of_y = (cos * slant - sin) / size, (sin * slant + cos) / size
        to_x = np.stack([cos / (size * wide), x_of_y, -drop * x_of_y], 1) * scale
        to_y = np.stack([sin / (size * wide), y_of_y, -drop * y_of_y], 1) * scale
        matrices = torch.tensor(np.stack([to_x, to_y], 1), dtype=torch.float32)
        grid = (_corner_grid() @ matrices.transpose(1, 2)).reshape(count, PATCH, PATCH, 2)
        knots = random.uniform(-1, 1, (count, 2, 4, 4)) * random.uniform(0, 0.09, (count, 1, 1, 1))
        grid = grid + bend(torch.tensor(knots, dtype=torch.float32), PATCH)
        ink = self._frames[torch.tensor(sources)].to(torch.float32).unsqueeze(1) / 255
        ink = F.grid_sample(ink, grid, align_corners=False).squeeze(1)
        pen = torch.tensor(of_line("pen") + random.normal(0, 0.15, count).astype(np.float32)).reshape(
            -1, 1, 1
        )
        ink = change_pen(ink, pen.clamp(min=-0.5))
        peak = ink.amax((1, 2), keepdim=True).clamp(min=1e-3)
        strength = torch.tensor(np.exp(-np.abs(random.normal(0, 0.15, count))), dtype=torch.float32)
        return ink / peak * strength.reshape(-1, 1, 1)

    def _add_neighbours(self, canvas: Tensor, random: np.random.Generator) -> None:
        """Parts of other writing that reach into the line from above and below."""
        if random.random() > 0.15:
            return
        for _ in range(random.integers(1, 4)):
            source = self._frames[int(random.choice(self._digits))].to(torch.float32) / 255
            reach = int(random.integers(2, 7))
            top = PATCH - 24 + reach if random.random() < 0.5 else PATCH + LINE_HEIGHT - 4 - reach
            left = int(random.integers(PATCH, canvas.shape[1] - PATCH - 28 + 14))
            part = canvas[top : top + 28, left : left + 28]
            torch.maximum(part, source, out=part)


def _corner_grid() -> Tensor:
    """(PATCH ** 2, 3): x, y and 1 of each pixel's middle, from -1 to 1."""
    place = (torch.arange(PATCH) + 0.5) * 2 / PATCH - 1
    y, x = torch.meshgrid(place, place, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)], 2).reshape(-1, 3)


class _Hand:
    """How one line is written."""

    def __init__(self, random: np.random.Generator) -> None:
        self.slant = float(np.clip(random.normal(0.2, 0.3), -0.7, 0.9))
        self.rotation = random.normal(0, 3)
        self.size = float(np.clip(np.exp(random.normal(-0.12, 0.16)), 0.55, 1.15))
        self.uneven_size = random.uniform(0.05, 0.18)
        self.tall_ones = random.uniform(1.0, 1.5) if random.random() < 0.3 else 1.0
        self.wide = float(np.clip(np.exp(random.normal(-0.12, 0.22)), 0.5, 1.4))
        self.pen = random.uniform(-0.5, 1.0)
        kind = random.random()
        if kind < 0.2:
            self.gap, self.uneven = random.uniform(-3, 0.5), 0.8  # touching
        elif kind < 0.7:
            self.gap, self.uneven = random.uniform(0.5, 5), 1.0
        elif kind < 0.92:
            self.gap, self.uneven = random.uniform(4, 12), 2.0
        else:
            self.gap, self.uneven = random.uniform(12, 30), 4.0
        self.kerning = random.uniform(0.3, 1)
        self.wander = abs(random.normal(0, 1.2))
        self.slope = random.normal(0, 0.03)


def _text(random: np.random.Generator, width: int) -> tuple[int, ...]:
    """A number as people write it, that might fit."""
    longest = max(1, width // 14)
    length = int(min(longest, 12, 1 + random.geometric(0.28)))
    if random.random() < 0.25:
        length = int(random.integers(1, min(12, longest) + 1))
    digits = "".join(str(digit) for digit in random.integers(0, 10, length))
    if random.random() < 0.06:
        digits = str(random.integers(0, 10)) * length
    kind = random.random()
    if kind < 0.76:
        text = digits
    elif kind < 0.84 and length > 1:
        place = int(random.integers(1, length))
        text = digits[:place] + (".", ",")[random.integers(2)] + digits[place:]
    elif kind < 0.90:
        text = "-+"[random.random() < 0.35] + digits
    elif kind < 0.95 and length > 3:
        sign = "/.-:/"[random.integers(5)]
        text = digits[:2] + sign + digits[2:4] + (sign + digits[4:] if length > 4 else "")
    else:
        text = digits + (".", ",")[random.random() < 0.15]
    if random.random() < 0.01:
        text = ""
    return tuple(GLYPHS.index(glyph) for glyph in text)


def _without_end_marks(text: tuple[int, ...]) -> int:
    """How much is to be read: a dot or comma after a number ends a sentence or makes it ordinal."""
    while text and GLYPHS[text[-1]] in (".", ","):
        text = text[:-1]
    return len(text)


class _Room(NamedTuple):
    """How much room glyphs take, in pixels from the left of each one's picture."""

    lefts: list[int]
    rights: list[int]
    meets: list[float]
    """How far right of one's picture that of the next lies if they just do not touch."""


def _measure(patches: Tensor) -> _Room:
    """Of pictures (K, PATCH, PATCH), in the order in which they are written."""
    column = torch.arange(PATCH, dtype=torch.float32)
    marked = patches > MARK
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
    first: int,
    text: tuple[int, ...],
    room: _Room,
    hand: _Hand,
    random: np.random.Generator,
    width: int,
) -> _Placed:
    """Put the glyphs of one line side by side; returns where those are that fit."""
    x, end = -float(room.lefts[first]) if text else 0.0, 0.0
    places: list[float] = []
    middles: list[float] = []
    for k in range(len(text)):
        glyph = first + k
        if k:
            small = text[k] in (11, 12) or text[k - 1] in (11, 12)
            boxes = room.rights[glyph - 1] - room.lefts[glyph]
            x += boxes + hand.kerning * (room.meets[glyph - 1] - boxes)
            x += (min(hand.gap, 3) if small else hand.gap) + random.normal(0, hand.uneven)
        if x + room.rights[glyph] > width - 4:
            break
        places.append(x)
        middles.append(x + (room.lefts[glyph] + room.rights[glyph]) / 2)
        end = max(end, x + room.rights[glyph])
    if not places:
        return ()
    slack = max(0, width - 4 - end)
    begin = 2 + (random.uniform(0, slack) if random.random() < 0.5 else min(slack, random.uniform(2, 8)))
    height = (LINE_HEIGHT - PATCH) / 2 + random.normal(0, 1.2)
    for k, place in enumerate(places):
        left = PATCH + round(begin) + round(place)
        drop = hand.slope * (place - end / 2) + random.normal(0, hand.wander)
        top = PATCH + round(height + float(np.clip(drop, -5, 5)))
        part = canvas[top : top + PATCH, max(0, left) : left + PATCH]
        torch.maximum(part, patches[first + k][:, : part.shape[1]], out=part)
    return tuple(round(begin) + middle for middle in middles)


def _add_rules(line: Tensor, random: np.random.Generator) -> None:
    """Rules, underlines, box borders, dotted lines and specks on one line (H, W), in place."""
    height, width = line.shape
    ink = float(random.uniform(0.25, 1.0))

    def horizontal(y: float, begin: int, end: int, thick: float, slope: float = 0.0, step: int = 1) -> None:
        columns = np.arange(begin, end, step)
        rows = y + slope * (columns - begin)
        for down in range(-1, 3):
            place = np.floor(rows).astype(int) + down
            cover = np.clip(np.minimum(place + 1, rows + thick) - np.maximum(place, rows), 0, 1) * ink
            inside = (place >= 0) & (place < height)
            at = (torch.tensor(place[inside]), torch.tensor(columns[inside]))
            line[at] = torch.maximum(line[at], torch.tensor(cover[inside], dtype=torch.float32))

    if random.random() < 0.08:  # a rule from edge to edge
        horizontal(random.uniform(0, height), 0, width, random.uniform(0.5, 1.8), random.normal(0, 0.01))
    if random.random() < 0.05:
        horizontal(
            random.choice([random.uniform(0, 3), random.uniform(height - 4, height)]),
            0,
            width,
            random.uniform(0.6, 2.5),
            random.normal(0, 0.01),
        )
    if random.random() < 0.08:  # an underline
        begin = int(random.integers(0, max(1, width // 2)))
        end = int(random.integers(begin + 8, width + 1)) if begin + 8 < width else width
        horizontal(
            random.uniform(height - 8, height - 1),
            begin,
            end,
            random.uniform(0.7, 2.2),
            random.normal(0, 0.03),
        )
    if random.random() < 0.05:  # dots to write on
        y, step = random.uniform(height - 9, height - 1), int(random.integers(3, 8))
        begin = int(random.integers(0, max(1, width // 2)))
        for shift in range(int(random.integers(1, 3))):
            horizontal(y, begin + shift, width, random.uniform(0.8, 1.8), 0.0, step)
    _add_borders(line, ink, horizontal, random)


def _add_borders(
    line: Tensor, ink: float, horizontal: Callable[..., None], random: np.random.Generator
) -> None:
    """Borders at the sides, squares and specks, in place."""
    height, width = line.shape

    def vertical(x: int, thick: int) -> None:
        line[:, max(0, x) : max(0, x + thick)].clamp_(min=ink)

    if random.random() < 0.1:  # a border at a side
        side = random.random()
        thick = int(min(10, 1 + random.geometric(0.4)))
        if side < 0.7:
            vertical(int(random.integers(0, 9)), thick)
        if side > 0.5:
            vertical(width - thick - int(random.integers(0, 6)), thick)
    if random.random() < 0.02:  # squares
        step = int(random.integers(8, 20))
        for x in range(int(random.integers(step)), width, step):
            vertical(x, 1)
        for y in range(int(random.integers(step)), height, step):
            horizontal(y, 0, width, 1.0)
    if random.random() < 0.1:  # specks
        for _ in range(random.integers(1, 5)):
            y, x = int(random.integers(height)), int(random.integers(width))
            line[y : y + int(random.integers(1, 3)), x : x + int(random.integers(1, 3))] = ink


def _spoil(lines: Tensor, random: np.random.Generator) -> Tensor:
    """Blur, low resolution, pale ink, noise, harder strokes."""
    count, height, width = lines.shape

    def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.tensor(random.uniform(low, high, (count, 1, 1)), dtype=torch.float32)

    lines = torch.lerp(lines, soften(lines), draw(-0.8, 1.2).clamp(0, 1))
    if random.random() < 0.25:
        scale = random.uniform(0.4, 0.9)
        small = F.interpolate(lines.unsqueeze(1), scale_factor=(scale, scale), mode="area")
        low = F.interpolate(small, (height, width), mode="bilinear").squeeze(1)
        lines = torch.where(draw() < 0.6, low, lines)
    noise = torch.tensor(random.normal(0, 1, (count, height, width)), dtype=torch.float32)
    lines = lines + noise * draw(-0.16, 0.08).clamp(min=0)
    gain = 1 + draw().square() * 2
    lines = ((lines - 0.5 * (1 - 1 / gain) * (draw() < 0.6)) * gain).clamp(0, 1)
    return lines * draw(0.75, 1.0)
