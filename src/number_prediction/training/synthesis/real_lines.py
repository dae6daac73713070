"""Open data -> real lines: numbers and words of registers as they were photographed, with their classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from number_prediction.constants import GLYPHS, LETTER, OTHER_SIGN
from number_prediction.datasets.open_data import OpenSource
from number_prediction.images.decode import Page
from number_prediction.training.synthesis.line_windows import holds_lines

_NUMBER = re.compile(r"[0-9]+([.,/:-][0-9]+)*[.]?")


class RealLine(NamedTuple):
    """A picture of a line with its classes, and who wrote it."""

    page: Page
    classes: tuple[int, ...]
    writer: str
    """The writer or document."""


def gather_real_lines(sources: Mapping[str, OpenSource]) -> tuple[list[RealLine], list[RealLine]]:
    """Numbers and words of all sources that hold lines; mixed labels are left out."""
    numbers, words = [], []
    for source in sources.values():
        if not holds_lines(source):
            continue
        for label, writer, page in zip(source.labels, source.writers, source.pages, strict=True):
            text = label.strip()
            if _NUMBER.fullmatch(text):
                classes = tuple(GLYPHS.index(glyph) for glyph in text.rstrip("."))
                numbers.append(RealLine(page, classes, writer))
            elif len(text) > 1 and not any(character.isdecimal() for character in text):
                words.append(RealLine(page, _classes_of_word(text), writer))
    return numbers, words


def _classes_of_word(text: str) -> tuple[int, ...]:
    kept = re.sub(r"[\s'\u2019]", "", text)
    return tuple(
        LETTER if each.isalpha() else GLYPHS.index(each) if each in GLYPHS else OTHER_SIGN for each in kept
    )


def vary(page: Page, random: np.random.Generator) -> Page:
    """A real line by another hand, scanner and cut: slanted, stretched, blurred, reduced, padded, lit."""
    border = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    picture, height = Image.fromarray(page), page.shape[0]
    margins = [int(max(0.0, random.uniform(-0.1, 0.5)) * height) // 2 for _ in range(4)]
    if random.random() < 0.5:
        picture = _slant(picture, int(np.median(border)), random)
    if random.random() < 0.15:
        is_thicker = random.random() < 0.6
        picture = picture.filter(
            ImageFilter.MinFilter(3) if is_thicker else ImageFilter.GaussianBlur(random.uniform(0.5, 1.5))
        )
    if random.random() < 0.3:
        scale = random.uniform(0.35, 0.8)
        picture = picture.resize((max(8, int(picture.width * scale)), max(8, int(picture.height * scale))))
    grey = np.asarray(picture, np.float64)
    if random.random() < 0.4:
        left, right, top, bottom = margins
        grey = np.pad(grey, ((top, bottom), (left, right)), mode="edge")
    if random.random() < 0.3:
        grey = grey + random.normal(0, random.uniform(1, 14), grey.shape)
    if random.random() < 0.3:
        grey = grey * np.linspace(random.uniform(0.6, 1), random.uniform(0.6, 1), grey.shape[1])
    if random.random() < 0.3:
        grey = 255 * (grey.clip(0, 255) / 255) ** float(np.exp(random.normal(0, 0.4)))
    if random.random() < 0.15:
        grey = 255 - grey
    varied: NDArray[np.uint8] = grey.clip(0, 255).astype(np.uint8)
    return varied


def _slant(picture: Image.Image, fill: int, random: np.random.Generator) -> Image.Image:
    shear, stretch = random.normal(0, 0.15), float(np.exp(random.normal(0, 0.12)))
    turn = np.radians(random.normal(0, 2))
    size = (int(picture.width * stretch + abs(shear) * picture.height) + 2, picture.height + 4)
    turning = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = np.array([[1 / stretch, shear], [0, 1]]) @ turning
    offset = np.array(picture.size) / 2 - matrix @ (np.array(size) / 2)
    to_source = (*matrix[0], offset[0], *matrix[1], offset[1])
    return picture.transform(
        size, Image.Transform.AFFINE, to_source, Image.Resampling.BILINEAR, fillcolor=fill
    )
