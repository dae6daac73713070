"""Labelled pictures of one hand or form -> frames for adapting a model, and frames for measuring it."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from torch import Tensor

from number_prediction.constants import NOT_A_DIGIT
from number_prediction.datasets.labelled import IN_MEMORY, Data, as_splits
from number_prediction.datasets.load import load_evaluation_split
from number_prediction.datasets.split import PictureFiles, Split, divide, join
from number_prediction.errors import DataError
from number_prediction.training.frames import to_frames
from number_prediction.training.graph.digit_graph import Prepared

MIN_PICTURES, MAX_PICTURES = 10, 1000
"""Numbers of pictures that a model can be adapted to."""
MIN_PICTURES_TO_HOLD_OUT = 30
"""With fewer pictures, none is held out."""


def load_corrections(
    data: Data, classes: tuple[str, ...], prepare: Callable[[Tensor], Prepared] | None = None
) -> Split:
    """Frames (N, 28, 28) uint8 of the pictures to adapt to, with labels by the model's classes.

    `prepare` is the model's own preparation, as `to_frames` takes it.

    Raises:
        DataError: fewer than MIN_PICTURES or more than MAX_PICTURES, a class that is not among `classes`, or
            a digit without ink.
    """
    if isinstance(data, str | os.PathLike):
        name = os.fspath(data)
        split = load_evaluation_split(name, "train", divided=False)
    else:
        name, split = IN_MEMORY, as_splits(data)[0]
    unknown = [each for each in split.classes if each not in classes]
    if unknown:
        hint = " (it cannot learn to refuse)" if NOT_A_DIGIT in unknown else ""
        raise DataError(
            f"{name}: the model has no class {', '.join(unknown)}{hint}; it has {', '.join(classes)}. Rename "
            "the folders, or leave these out"
        )
    if not MIN_PICTURES <= len(split) <= MAX_PICTURES:
        raise DataError(
            f"{name}: {len(split):,} pictures to train on; a model is adapted to {MIN_PICTURES} to "
            f"{MAX_PICTURES:,}. With more, train a new one: number-prediction train --data"
        )
    labels = np.array([classes.index(each) for each in split.classes], np.uint8)[split.labels]
    frames = to_frames(split.images, prepare)
    is_digit = np.array([each != NOT_A_DIGIT for each in classes])[labels]
    blank = np.flatnonzero((frames.max((1, 2)) == 0) & is_digit)
    if len(blank):
        index = int(blank[0])
        images = split.images
        which = images.paths[index] if isinstance(images, PictureFiles) else f"picture {index}"
        raise DataError(f"{name}: found no ink in {which}, a {classes[labels[index]]}; leave it out")
    return Split(frames, labels, classes)


def hold_out(split: Split, share: float, *, seed: int) -> tuple[Split, Split]:
    """The pictures to train on, and a share of each class to measure on.

    Splits of fewer than MIN_PICTURES_TO_HOLD_OUT and classes of one picture are trained on in whole.
    """
    if len(split) < MIN_PICTURES_TO_HOLD_OUT:
        return split, split.select(slice(0))
    several = np.bincount(split.labels, minlength=len(split.classes))[split.labels] > 1
    alone, shared = (split.select(np.flatnonzero(rows)) for rows in (~several, several))
    kept, held_out = divide(shared, round(share * len(shared)), seed=seed)
    return join([kept, alone], name="corrections"), held_out
