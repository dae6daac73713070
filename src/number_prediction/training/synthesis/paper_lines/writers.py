"""Open data, MNIST and the repository's drawings -> writers: whose digits and letters a line is written in.

A source with named writers gives one hand a writer, so that a line is of one person. Sources that name
nobody are one hand each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.open_data import OpenSource, Strokes
from number_prediction.datasets.split import Split
from number_prediction.training.synthesis.stroke_tables import DIGIT_WRITINGS, OTHERS, Writing

DIGITS = "0123456789"
WEIGHTS = {
    "pendigits-orig-train": 1.0,
    "uji2-digits": 0.6,
    "bridger-numberpad": 2.0,
    "kensanata-numbers": 3.0,
    "hwd-1000": 2.0,
    "emnist-byclass-test-digits": 14.0,
}
"""Weight of each writer of a source of digits. Other sources have no digits."""
MNIST_WEIGHT, DRAWN_WEIGHT = 28.0, 45.0
"""Weights of MNIST's digits, and of those that the repository draws."""
LETTER_COPIES = {"uji1-letters": 8, "drawn": 60}
"""How often a letter of a small source counts beside EMNIST's."""
TRAINED_SCANS = frozenset({"emnist-byclass-test-digits", "emnist-byclass-test-letters"})
"""Sources whose pictures are ink already, cut out as MNIST's are."""

Kind: TypeAlias = Literal["strokes", "table", "scan", "frame"]
"""How a character is given: pen strokes, a writing of `stroke_tables`, grey on paper, or ink."""
Drawing: TypeAlias = "Strokes | Writing | NDArray[np.uint8]"


@dataclass(frozen=True)
class Character:
    """One character as somebody wrote it."""

    kind: Kind
    drawing: Drawing


@dataclass(frozen=True)
class Writer:
    """Digits of one hand."""

    name: str
    weight: float
    digits: dict[str, list[Character]] = field(default_factory=lambda: {digit: [] for digit in DIGITS})

    @property
    def has_all_digits(self) -> bool:
        return all(self.digits.values())


@dataclass(frozen=True)
class Writers:
    """All hands, and letters of all of them together."""

    writers: tuple[Writer, ...]
    letters: dict[str, list[Character]]

    def draw(self, random: np.random.Generator) -> Writer:
        """A writer, by weight."""
        weights = np.array([writer.weight for writer in self.writers])
        return self.writers[random.choice(len(self.writers), p=weights / weights.sum())]

    def letter(self, name: str) -> list[Character]:
        """The writings of a letter; of its other case, or of an n, where there are none."""
        return self.letters.get(name) or self.letters.get(name.swapcase()) or self.letters["n"]


def gather_writers(split: Split, sources: Mapping[str, OpenSource]) -> Writers:
    """The writers of a split of digit frames, of the repository's drawings, and of open sources."""
    mnist, drawn = Writer("mnist", MNIST_WEIGHT), Writer("drawn", DRAWN_WEIGHT)
    for frame, label in zip(np.asarray(split.images), split.labels, strict=True):
        mnist.digits[str(label)].append(Character("frame", frame))
    for digit, writings in DIGIT_WRITINGS.items():
        drawn.digits[str(digit)].extend(Character("table", writing) for writing in writings)
    found = {"mnist": mnist, "drawn": drawn}
    letters: dict[str, list[Character]] = {}
    for letter, writings in OTHERS.items():
        if len(letter) == 1:
            letters[letter] = [Character("table", writings[0])] * LETTER_COPIES["drawn"]
    for source in sources.values():
        for label, writer, character in _characters(source):
            if source.name in WEIGHTS and label in DIGITS:
                name = f"{source.name}/{writer}"
                hand = found.setdefault(name, Writer(name, WEIGHTS[source.name]))
                hand.digits[label].append(character)
            elif source.name.endswith("letters"):
                copies = LETTER_COPIES.get(source.name, 1)
                letters.setdefault(label, []).extend([character] * copies)
    return Writers(tuple(writer for writer in found.values() if writer.has_all_digits), letters)


def _characters(source: OpenSource) -> Iterator[tuple[str, str, Character]]:
    """Label, writer and drawing of each single character of a source."""
    kind: Kind = "strokes" if source.strokes else "frame" if source.name in TRAINED_SCANS else "scan"
    drawings: tuple[Drawing, ...] = source.strokes or source.pages
    for label, writer, drawing in zip(source.labels, source.writers, drawings, strict=True):
        if len(label) == 1:
            yield label, writer, Character(kind, drawing)
