"""Words, which stand beside numbers on paper.

Each letter is read as LETTER. (Read as blank, letters taught the network to read touching digits as blank
too.) Letters are drawn with the pen of other writings, or printed in fonts that come with Matplotlib. Their
places follow those of GLYPHS, alphabet by alphabet; a word uses one alphabet, that is one hand or one font.
Digits of the same fonts are printed too, so that the network does not take all print for words.
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
"""Font files of Matplotlib."""
PRINTED_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DRAWN_LETTERS = "".join(letter for letter in OTHERS if len(letter) == 1)
CLEAR_LETTERS = "AEFGHKMNPRWXadefhkmnprtuvwx"
"""Letters that do not look like a digit; they make up at least half of a word."""
ALPHABETS = (DRAWN_LETTERS, *(PRINTED_LETTERS for _ in FONTS))
DRAWN_WORDS_SHARE = 0.4
"""Share of the words that are drawn, not printed."""
LETTER_PITCH_PX = 15
"""Usual distance between letters."""
MAX_LETTERS = 12
"""Most letters of a word."""
_FIRST = tuple(accumulate((len(letters) for letters in ALPHABETS), initial=len(GLYPHS)))
_FREQUENT = dict(zip("etaoinshrdlucmfwypvbgkjqxz", 1 / (3 + np.arange(26)), strict=True))
_MARKS = [GLYPHS.index(mark) for mark in ".,:"]
_OVERSAMPLING = 4
_CAPITAL_HEIGHT_PX, _BASE_LINE_ROW = 16, 22
"""Height of a printed capital in its frame, and the row of its base line."""
_LETTER_HEIGHTS_PX, _LETTER_FOOT_ROWS = dict.fromkeys("aeimnru", 14), dict.fromkeys("jpy", FRAME_SIZE)
_TALL_HEIGHT_PX, _FOOT_ROW = 20, 24


def is_word(text: tuple[int, ...]) -> bool:
    """Whether a text, given as places, has letters."""
    return any(place >= len(GLYPHS) for place in text)


def name_letters(text: tuple[int, ...]) -> tuple[int, ...]:
    """A text as classes: places in GLYPHS, and LETTER for every letter."""
    return tuple(min(place, LETTER) for place in text)


def draw_word(random: np.random.Generator, width: int) -> tuple[int, ...]:
    """A word that might fit on `width` pixels, as places; sometimes with a sign after it."""
    alphabet = 0 if random.random() < DRAWN_WORDS_SHARE else int(random.integers(1, len(ALPHABETS)))
    letters = ALPHABETS[alphabet]
    length = int(random.integers(2, max(2, min(MAX_LETTERS, width // LETTER_PITCH_PX)) + 1))
    often = np.array([_FREQUENT[letter.lower()] for letter in letters])
    often *= _cases(letters, random)
    word = random.choice(list(letters), length, p=often / often.sum())
    clear = [letter for letter in letters if letter in CLEAR_LETTERS]
    unclear = np.flatnonzero(~np.isin(word, clear))
    for place in random.permutation(unclear)[: max(0, len(unclear) - length // 2)]:
        word[place] = random.choice(clear)
    places = [_FIRST[alphabet] + letters.index(letter) for letter in word]
    return (*places, *random.choice(_MARKS, 1)) if random.random() < 0.15 else tuple(places)


def draw_letters(count: int, generator: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Frames (M, 28, 28) uint8 of all letters, `count` of each drawn writing, and their places (M,)."""
    frames, places = [], []
    for place, letter in enumerate(DRAWN_LETTERS, _FIRST[0]):
        for writing in OTHERS[letter]:
            drawn = frame_pictures(write(writing, generator, widest=MAX_PEN_WIDTH_PX) for _ in range(count))
            frames += [
                _set(
                    frame,
                    _LETTER_HEIGHTS_PX.get(letter, _TALL_HEIGHT_PX),
                    _LETTER_FOOT_ROWS.get(letter, _FOOT_ROW),
                )
                for frame in drawn
            ]
            places += [place] * count
    for first, name in zip(_FIRST[1:], FONTS, strict=False):
        frames += _print_all(PRINTED_LETTERS, name)
        places += range(first, first + len(PRINTED_LETTERS))
    return np.stack(frames), np.array(places, np.intp)


def print_digits() -> NDArray[np.uint8]:
    """Frames (F, 10, 28, 28) uint8 of the digits 0 to 9 in each font."""
    return np.stack([np.stack(_print_all(digits, name)) for name in FONTS])


def print_letters() -> NDArray[np.uint8]:
    """Frames (M, 28, 28) uint8 of all letters in each font."""
    return np.concatenate([np.stack(_print_all(PRINTED_LETTERS, name)) for name in FONTS])


def _cases(letters: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Weights of small letters and capitals in one word."""
    capitals = random.choice([0.0, 0.15, 1.0], p=[0.5, 0.35, 0.15])
    is_capital = np.array([letter.isupper() for letter in letters])
    return np.asarray(np.where(is_capital, capitals, 1 - capitals) + 1e-6)


def _set(frame: NDArray[np.uint8], height: int, foot: int) -> NDArray[np.uint8]:
    """Set a letter that fills its frame (28, 28) to its height and foot on the line."""
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
    font = ImageFont.truetype(file, 100 * _OVERSAMPLING * _CAPITAL_HEIGHT_PX / (bottom - top))
    frames = []
    for character in characters:
        page = Image.new("L", (FRAME_SIZE * _OVERSAMPLING, FRAME_SIZE * _OVERSAMPLING))
        ImageDraw.Draw(page).text(
            (page.width / 2, _BASE_LINE_ROW * _OVERSAMPLING), character, fill=255, font=font, anchor="ms"
        )
        frames.append(np.asarray(page.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BOX)))
    return frames
