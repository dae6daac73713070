"""Composed lines on paper: a picture of one line with the classes that are to be read.

A line is a function of the composer's seed and the line's number, so that a training resumes. Classes are
places in GLYPHS, LETTER for every letter, OTHER_SIGN for signs that no number has, STRUCK_OUT once for
all that is struck out. A point after the last digit is drawn, and is no class.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from number_prediction.constants import GLYPHS, LETTER, OTHER_SIGN, STRUCK_OUT
from number_prediction.datasets.open_data import OpenSource
from number_prediction.datasets.split import Split
from number_prediction.images.decode import Page
from number_prediction.training.synthesis.paper_lines import surroundings
from number_prediction.training.synthesis.paper_lines.glyphs import DIGIT_PX, resize_mask
from number_prediction.training.synthesis.paper_lines.hand import PaperHand, draw_hand
from number_prediction.training.synthesis.paper_lines.photo import Layers, photograph
from number_prediction.training.synthesis.paper_lines.sheet import (
    Sheet,
    add_neighbour,
    lay_on_sheet,
    slant,
    strike_out,
    write_beside,
)
from number_prediction.training.synthesis.paper_lines.signs import AFTER_ONLY, BRACKETS, SIGNS
from number_prediction.training.synthesis.paper_lines.surroundings import Surroundings
from number_prediction.training.synthesis.paper_lines.texts import UNITS, draw_digits, draw_number, draw_word
from number_prediction.training.synthesis.paper_lines.writers import DIGITS, Writers, gather_writers
from number_prediction.training.synthesis.paper_lines.writing import LineInk, write_line

KINDS = {
    "number": 0.76,
    "sign beside": 0.07,
    "struck out": 0.06,
    "unit beside": 0.035,
    "word": 0.05,
    "empty": 0.025,
}
"""Shares of the kinds of lines."""
NEIGHBOURS = 0.22
"""Share of the lines with another line above, and of those with one below."""
SMALLEST_DIGIT_PX, LARGEST_DIGIT_PX = 13, 56
"""Heights of the digits in the picture."""
WIDEST_PX = 512
"""Width of the widest picture."""
LOST, MOST_ROOM = 0.12, 4.0
"""Share of the lines that stand on much paper, and how much on each side, in heights of a digit."""
_SIGNS_BESIDE = tuple(name for name in SIGNS if name not in "()[]")


class PaperLine(NamedTuple):
    """A picture of a line, and what it says."""

    page: Page
    """(h, w) uint8."""
    classes: tuple[int, ...]
    layers: Layers
    """Where its writing is, and what stands around it."""


class _Content(NamedTuple):
    characters: list[str]
    classes: list[int]
    is_struck_out: bool = False


class PaperComposer:
    """Composes lines of all writers."""

    def __init__(self, writers: Writers, data_sha256: str, *, seed: int) -> None:
        self._writers, self._seed = writers, seed
        self.data_sha256 = data_sha256
        """Of what is composed of, hexadecimal."""

    def line(self, number: int) -> PaperLine | None:
        """Line `number`; None for one that nobody could see."""
        random = np.random.default_rng([self._seed, number])
        hand = draw_hand(self._writers, random)
        content = _draw_content(random)
        ink = self._write(content.characters, hand, random)
        sheet = lay_on_sheet(ink)
        classes = content.classes
        if content.is_struck_out:
            strike_out(sheet, hand, random)
            classes = classes + self._correct(sheet, hand, random)
        self._add_neighbours(sheet, hand, random)
        slant(sheet, hand)
        around = _surround(sheet, ink, content, hand, random)
        layers = _crop(sheet, around, random)
        page = photograph(layers, random)
        return None if page is None else PaperLine(page, tuple(classes), layers)

    def _write(self, characters: list[str], hand: PaperHand, random: np.random.Generator) -> LineInk:
        if characters:
            return write_line(characters, hand, self._writers, random)
        return LineInk(np.zeros((DIGIT_PX, int(DIGIT_PX * random.uniform(1, 4))), np.float32), [], 0.0)

    def _correct(self, sheet: Sheet, hand: PaperHand, random: np.random.Generator) -> list[int]:
        """The classes of a number that is written beside a struck-out one; a third of them have one."""
        if random.random() >= 0.35 or hand.is_segmented:
            return []
        number = draw_digits(random, longest=4)
        is_there = write_beside(sheet, self._write(list(number), hand, random), random)
        return _classes(number) if is_there else []

    def _add_neighbours(self, sheet: Sheet, hand: PaperHand, random: np.random.Generator) -> None:
        """Lines above and below, most in the same hand."""
        pitch = DIGIT_PX * random.uniform(1.35, 1.8)
        for direction in (-1, 1):
            if random.random() >= NEIGHBOURS:
                continue
            other = hand if random.random() < 0.7 else draw_hand(self._writers, random)
            text = draw_digits(random, longest=5) if random.random() < 0.75 else draw_word(random)
            top, bottom, _, _ = sheet.box()
            beyond = max(0.0, sheet.top_of_digits - top if direction < 0 else bottom - sheet.base)
            row = sheet.top_of_digits + direction * (pitch + beyond * random.uniform(0.5, 1))
            column = sheet.begin + DIGIT_PX * random.uniform(-1, 1)
            add_neighbour(sheet, self._write(list(text), other, random), row, column)


def make_paper_composer(split: Split, sources: Mapping[str, OpenSource], *, seed: int) -> PaperComposer:
    """A composer of the digits of a split, of the repository's drawings, and of open sources."""
    content = hashlib.sha256(np.ascontiguousarray(split.images).data)
    for source in sources.values():
        content.update(source.sha256.encode())
    return PaperComposer(gather_writers(split, sources), content.hexdigest(), seed=seed)


class LinePictures(Iterator[PaperLine]):
    """Lines of a composer without end, from a number on, but those that nobody could see."""

    def __init__(self, composer: PaperComposer, first: int) -> None:
        self._composer, self._next = composer, first

    def __next__(self) -> PaperLine:
        line = None
        while line is None:
            line = self._composer.line(self._next)
            self._next += 1
        return line


def _classes(text: str) -> list[int]:
    return [LETTER if character.isalpha() else GLYPHS.index(character) for character in text]


def _draw_content(random: np.random.Generator) -> _Content:
    """What a line says."""
    kind = random.choice(list(KINDS), p=np.array(list(KINDS.values())) / sum(KINDS.values()))
    if kind == "struck out":
        number = draw_digits(random, longest=6)
        number += str(random.integers(10)) if len(number) == 1 else ""
        return _Content(list(number), [STRUCK_OUT], True)
    if kind == "empty":
        mark = str(random.choice(["", "", "", "tick", "times", "/", "-"]))
        classes = [] if not mark else [OTHER_SIGN] if mark in SIGNS else _classes(mark)
        return _Content([mark] if mark else [], classes)
    if kind == "word":
        word = draw_word(random)
        return _Content(list(word), [LETTER] * len(word))
    number = draw_number(random)
    content = _Content(list(number), _classes(number))
    if kind == "sign beside":
        content = _add_sign(content, random)
    elif kind == "unit beside":
        content = _add_unit(content, random)
    if content.classes[-1] in range(1, 11) and random.random() < 0.05:
        content.characters.append(".")
    return content


def _add_sign(number: _Content, random: np.random.Generator) -> _Content:
    if random.random() < 0.22:
        left, right = BRACKETS[random.integers(len(BRACKETS))]
        return _Content([left, *number.characters, right], [OTHER_SIGN, *number.classes, OTHER_SIGN])
    sign = _SIGNS_BESIDE[random.integers(len(_SIGNS_BESIDE))]
    space = [" "] if random.random() < 0.25 else []
    if random.random() < 0.55 and sign not in AFTER_ONLY:
        return _Content([sign, *space, *number.characters], [OTHER_SIGN, *number.classes])
    return _Content([*number.characters, *space, sign], [*number.classes, OTHER_SIGN])


def _add_unit(number: _Content, random: np.random.Generator) -> _Content:
    word = str(random.choice(UNITS)) if random.random() < 0.6 else draw_word(random)
    space = [" "] if random.random() < 0.8 else []
    if random.random() < 0.75:
        return _Content([*number.characters, *space, *word], number.classes + _classes(word))
    return _Content([*word, " ", *number.characters], _classes(word) + number.classes)


def _surround(
    sheet: Sheet, ink: LineInk, content: _Content, hand: PaperHand, random: np.random.Generator
) -> Surroundings:
    """Draw what stands around a line."""
    around = Surroundings(sheet, random)
    is_empty = not content.characters or not ink.spans
    if random.random() < (surroundings.EMPTY_CELLS if is_empty else surroundings.CELLS):
        around.draw_cell()
    if random.random() < surroundings.BASE_LINES:
        around.draw_base_line()
    if random.random() < surroundings.UNDERLINES:
        around.underline()
    if not is_empty and random.random() < surroundings.BOXES:
        around.draw_box()
    is_row_of_digits = len(ink.spans) > 2 and all(each in DIGITS for each in content.characters)
    is_upright = abs(hand.shear) < 0.35 and not content.is_struck_out
    if is_row_of_digits and is_upright and random.random() < surroundings.COMBS:
        first = sheet.begin - ink.spans[0][0]
        pairs = zip(ink.spans[:-1], ink.spans[1:], strict=True)
        around.draw_comb([first + (one[1] + other[0]) / 2 for one, other in pairs])
    if random.random() < surroundings.RULES:
        around.draw_rules()
    if random.random() < surroundings.SPECKS:
        around.draw_specks()
    if random.random() < surroundings.BARS / 2:
        column = int(max(0, around.window.left - DIGIT_PX * random.uniform(0, 0.2)))
        width = max(2, int(DIGIT_PX * random.uniform(0.05, 0.3)))
        sheet.beside[max(0, int(sheet.top_of_digits)) : int(sheet.base), column : column + width] = 1
    return around


def _crop(sheet: Sheet, around: Surroundings, random: np.random.Generator) -> Layers:
    """The window of a sheet, in the size of the picture."""
    height, width = sheet.written.shape
    window = around.window
    left, top = int(max(0, window.left)), int(max(0, window.top))
    right, bottom = (
        int(min(width, max(window.right, left + 8))),
        int(min(height, max(window.bottom, top + 8))),
    )
    limits = math.log(SMALLEST_DIGIT_PX), math.log(LARGEST_DIGIT_PX)
    scale = math.exp(random.uniform(*limits)) / DIGIT_PX
    scale = min(scale, WIDEST_PX / (right - left))
    size = max(6, round((bottom - top) * scale)), max(6, round((right - left) * scale))
    parts = (layer[top:bottom, left:right] for layer in (sheet.written, sheet.beside, around.mask()))
    resized = [resize_mask(part, *size) for part in parts]
    if random.random() < LOST:
        room = [int(share * scale * DIGIT_PX) for share in random.uniform(0, MOST_ROOM, 4)]
        resized = [np.pad(part, ((room[0], room[1]), (room[2], room[3]))) for part in resized]
    return Layers(*resized)
