"""Words: what stands on paper beside numbers and says none.

Each of their letters is read as LETTER: were it read as blank, so would be odd digits that touch. Letters are
drawn by the pen of the other writings, or printed in fonts that come with Matplotlib. Their places follow
those of GLYPHS, alphabet by alphabet, so that a word is of one hand or of one font. The digits of the same
fonts are drawn too: of lines in print, those of letters say nothing, not all.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from string import digits

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from number_prediction.constants import FRAME_SIZE, GLYPHS, LETTER
from number_prediction.training.synthesis.companions import MAX_PEN_WIDTH_PX, frame_pictures
from number_prediction.training.synthesis.pen import write
from number_prediction.training.synthesis.stroke_tables import OTHERS

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
"""Files of Matplotlib."""
PRINTED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DRAWN = "".join(letter for letter in OTHERS if len(letter) == 1)
CLEAR = "AEFGHKMNPRWXadefhkmnprtuvwx"
"""Letters that look like no digit; at least half of a word are of these."""
ALPHABETS = (DRAWN, *(PRINTED for _ in FONTS))
BY_HAND = 0.4
"""Share of the words that are drawn."""
PITCH = 15
"""Pixels a letter takes on a line, as a rule."""
LONGEST = 12
"""Letters of a word at most."""
_FIRST = tuple(accumulate((len(letters) for letters in ALPHABETS), initial=len(GLYPHS)))
_FREQUENT = dict(zip("etaoinshrdlucmfwypvbgkjqxz", 1 / (3 + np.arange(26)), strict=True))
_MARKS = [GLYPHS.index(mark) for mark in ".,:"]
_FINE = 4
_CAPITAL, _BASE = 16, 22
"""Height of a printed capital in its frame, and the row of its base line."""
_HEIGHTS, _FEET = dict.fromkeys("aeimnru", 14), dict.fromkeys("jpy", FRAME_SIZE)
_TALL, _FOOT = 20, 24


def is_word(text: tuple[int, ...]) -> bool:
    """Whether a text, as places, has letters in it."""
    return any(place >= len(GLYPHS) for place in text)


def name_letters(text: tuple[int, ...]) -> tuple[int, ...]:
    """A text as classes: places in GLYPHS, and LETTER for every letter."""
    return tuple(min(place, LETTER) for place in text)


def draw_word(random: np.random.Generator, width: int) -> tuple[int, ...]:
    """A word that might fit on `width` pixels, as places; now and then with a mark after it."""
    alphabet = 0 if random.random() < BY_HAND else int(random.integers(1, len(ALPHABETS)))
    letters = ALPHABETS[alphabet]
    length = int(random.integers(2, max(2, min(LONGEST, width // PITCH)) + 1))
    often = np.array([_FREQUENT[letter.lower()] for letter in letters])
    often *= _cases(letters, random)
    word = random.choice(list(letters), length, p=often / often.sum())
    clear = [letter for letter in letters if letter in CLEAR]
    unclear = np.flatnonzero(~np.isin(word, clear))
    for place in random.permutation(unclear)[: max(0, len(unclear) - length // 2)]:
        word[place] = random.choice(clear)
    places = [_FIRST[alphabet] + letters.index(letter) for letter in word]
    return (*places, *random.choice(_MARKS, 1)) if random.random() < 0.15 else tuple(places)


def draw_letters(count: int, generator: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Frames (M, 28, 28) uint8 of all letters, `count` of each drawn writing, and their places (M,)."""
    frames, places = [], []
    for place, letter in enumerate(DRAWN, _FIRST[0]):
        for writing in OTHERS[letter]:
            drawn = frame_pictures(write(writing, generator, widest=MAX_PEN_WIDTH_PX) for _ in range(count))
            frames += [_set(frame, _HEIGHTS.get(letter, _TALL), _FEET.get(letter, _FOOT)) for frame in drawn]
            places += [place] * count
    for first, name in zip(_FIRST[1:], FONTS, strict=False):
        frames += _print_all(PRINTED, name)
        places += range(first, first + len(PRINTED))
    return np.stack(frames), np.array(places, np.intp)


def print_digits() -> NDArray[np.uint8]:
    """Frames (F, 10, 28, 28) uint8 of the digits 0 to 9 in each font."""
    return np.stack([np.stack(_print_all(digits, name)) for name in FONTS])


def _cases(letters: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Weights of small letters and capitals in one word."""
    capitals = random.choice([0.0, 0.15, 1.0], p=[0.5, 0.35, 0.15])
    is_capital = np.array([letter.isupper() for letter in letters])
    return np.asarray(np.where(is_capital, capitals, 1 - capitals) + 1e-6)


def _set(frame: NDArray[np.uint8], height: int, foot: int) -> NDArray[np.uint8]:
    """A letter (28, 28) that fills its frame, at its height on the line."""
    rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
    cut = Image.fromarray(frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    wide = max(1, min(FRAME_SIZE, round(cut.width * height / cut.height)))
    page = Image.new("L", (FRAME_SIZE, FRAME_SIZE))
    page.paste(
        cut.resize((wide, height), Image.Resampling.BILINEAR), ((FRAME_SIZE - wide) // 2, foot - height)
    )
    return np.asarray(page)


def _print_all(characters: str, name: str) -> list[NDArray[np.uint8]]:
    """Frames of printed characters in one font."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    _, top, _, bottom = ImageFont.truetype(file, 100).getbbox("H")
    font = ImageFont.truetype(file, 100 * _FINE * _CAPITAL / (bottom - top))
    frames = []
    for character in characters:
        page = Image.new("L", (FRAME_SIZE * _FINE, FRAME_SIZE * _FINE))
        ImageDraw.Draw(page).text(
            (page.width / 2, _BASE * _FINE), character, fill=255, font=font, anchor="ms"
        )
        frames.append(np.asarray(page.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BOX)))
    return frames
