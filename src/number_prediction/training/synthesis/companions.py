"""Companions of a data set of digits: generated digits of other hands, and generated non-digits.

In: a split of frames of the ten digits. Out: the same split with companions as frames, and with the class
NOT_A_DIGIT after its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.constants import FRAME_SIZE, NOT_A_DIGIT
from number_prediction.datasets.split import Split
from number_prediction.errors import TrainingError
from number_prediction.training.graph.framing import Framing
from number_prediction.training.synthesis import nondigits
from number_prediction.training.synthesis.pen import write
from number_prediction.training.synthesis.stroke_tables import DIGIT_WRITINGS, OTHERS

MAX_PEN_WIDTHS_PX = {1: 24.0, 7: 16.0}
"""Widest pen of digits without holes, which stay readable with a marker."""
MAX_PEN_WIDTH_PX = 12.0
"""Widest pen of all other writings."""
_FRAMED_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Companions:
    """How many pictures of each kind go with a data set of 60,000; smaller sets get proportionally fewer."""

    writings: int = 600
    """Pictures of each writing of a digit."""
    others: int = 240
    """Pictures of each writing of a letter or sign."""
    scribbles: int = 9000
    doodles: int = 8000
    blots: int = 2400
    textures: int = 3200
    rulings: int = 4000
    several_digits: int = 10400
    half_digits: int = 1500


def add_companions(split: Split, companions: Companions, *, seed: int) -> Split:
    """Add companions to a split of frames of digits; the non-digits are a class of their own.

    Args:
        split: frames (N, 28, 28) uint8 whose classes are the ten digits.
        companions: how many to add.
        seed: decides everything that is random in them.

    Raises:
        TrainingError: the classes are not the ten digits.
    """
    names = tuple(str(digit) for digit in range(10))
    if split.classes != names:
        raise TrainingError(
            f"this recipe adds generated digits 0 to 9, but the data set has the classes "
            f"{', '.join(split.classes)}; train another recipe on it"
        )
    share = len(split) / 60_000
    generator = np.random.default_rng(seed)
    images = [np.asarray(split.images)]
    labels = [split.labels]
    for digit, frames in draw_writings(round(companions.writings * share), generator):
        images.append(frames)
        labels.append(np.full(len(frames), digit, np.uint8))
    for negatives in _draw_nondigits(split, companions, share, generator):
        images.append(negatives)
        labels.append(np.full(len(negatives), len(names), np.uint8))
    return Split(np.concatenate(images), np.concatenate(labels), (*names, NOT_A_DIGIT))


def draw_writings(count: int, generator: np.random.Generator) -> Iterable[tuple[int, NDArray[np.uint8]]]:
    """Yield, for each writing of each digit, the digit and `count` frames (count, 28, 28)."""
    for digit, writings in DIGIT_WRITINGS.items():
        widest = MAX_PEN_WIDTHS_PX.get(digit, MAX_PEN_WIDTH_PX)
        for writing in writings:
            yield digit, frame_pictures(write(writing, generator, widest=widest) for _ in range(count))


def _draw_nondigits(
    split: Split, companions: Companions, share: float, generator: np.random.Generator
) -> Iterable[NDArray[np.uint8]]:
    """Yield frames of each kind of non-digit."""
    frames = np.asarray(split.images)
    telltale = frames[np.isin(split.labels, nondigits.HALVED_DIGITS)]

    def count(number: int) -> range:
        return range(round(number * share))

    for writings in OTHERS.values():
        for writing in writings:
            yield frame_pictures(
                write(writing, generator, widest=MAX_PEN_WIDTH_PX) for _ in count(companions.others)
            )
    yield frame_pictures(nondigits.scribble(generator) for _ in count(companions.scribbles))
    yield frame_pictures(nondigits.doodle(generator) for _ in count(companions.doodles))
    yield frame_pictures(nondigits.blot(generator) for _ in count(companions.blots))
    yield frame_pictures(nondigits.texture(generator) for _ in count(companions.textures))
    yield frame_pictures(nondigits.ruling(generator) for _ in count(companions.rulings))
    yield frame_pictures(
        nondigits.several_digits(generator, frames) for _ in count(companions.several_digits)
    )
    if len(telltale):
        yield frame_pictures(
            nondigits.half_digit(generator, telltale[generator.integers(len(telltale))])
            for _ in count(companions.half_digits)
        )


@torch.no_grad()
def frame_pictures(pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Frames (N, 28, 28) uint8 of ink (H, W) uint8 of any sizes."""
    inks = list(pictures)
    frames = np.zeros((len(inks), FRAME_SIZE, FRAME_SIZE), np.uint8)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(inks):
        by_shape.setdefault(picture.shape, []).append(index)
    framing = Framing()
    for indices in by_shape.values():
        for begin in range(0, len(indices), _FRAMED_AT_ONCE):
            some = indices[begin : begin + _FRAMED_AT_ONCE]
            ink = torch.tensor(np.stack([inks[index] for index in some])).to(torch.float32) / 255
            frames[some] = (framing(ink).frame * 255).round().to(torch.uint8).numpy()
    return frames
