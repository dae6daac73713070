"""Predictor and frames -> accuracy under distortions of growing strength.

A frame is enlarged onto a page with paper around it, distorted there, and read by the whole graph, like any
picture. Needs the extra `train` (pandas, SciPy).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from number_prediction.constants import FRAME_SIZE
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.digits import evaluate

ENLARGEMENT = 2
"""Side of a pixel of the frame on the page."""
PAGE_MARGIN_PX = 14
"""Paper around the enlarged frame."""
PAGE_SIDE_PX = FRAME_SIZE * ENLARGEMENT + 2 * PAGE_MARGIN_PX

Ink = NDArray[np.float32]
"""(N, PAGE_SIDE_PX, PAGE_SIDE_PX) in [0, 1], 1 is ink."""


@dataclass(frozen=True)
class Distortion:
    """One way to make a picture harder to read."""

    name: str
    unit: str
    levels: tuple[float, ...]
    """Strengths in rising order; one of them changes nothing."""
    apply: Callable[[Ink, float, np.random.Generator], Ink]
    """Ink, level and random values -> ink of the same shape, in [0, 1]."""


def measure_robustness(predictor: Predictor, split: Split, *, seed: int = 0) -> pandas.DataFrame:
    """Accuracy of a model under each distortion at each level.

    Args:
        predictor: the model; abstentions count as wrong.
        split: frames (N, 28, 28) uint8, ink 255; every level uses all of them.
        seed: seed of shifts and noise.

    Returns:
        One row per level: `distortion`, `unit`, `level`, `accuracy`, `pictures`.
    """
    ink = enlarge(np.asarray(split.images))
    rows = []
    for distortion in DISTORTIONS:
        for level in distortion.levels:
            distorted = distortion.apply(ink, level, np.random.default_rng(seed))
            pages = np.rint(255 * (1 - distorted)).astype(np.uint8)
            answers = evaluate(predictor, Split(pages, split.labels, split.classes), name=distortion.name)
            rows.append(
                {
                    "distortion": distortion.name,
                    "unit": distortion.unit,
                    "level": level,
                    "accuracy": answers.accuracy,
                    "pictures": len(split),
                }
            )
    return pandas.DataFrame(rows)


def enlarge(frames: NDArray[np.uint8]) -> Ink:
    """Enlarge frames (N, 28, 28), ink 255, onto pages with paper around them."""
    size = (FRAME_SIZE * ENLARGEMENT, FRAME_SIZE * ENLARGEMENT)
    large = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in frames]
    padded = np.pad(
        np.stack(large), ((0, 0), (PAGE_MARGIN_PX, PAGE_MARGIN_PX), (PAGE_MARGIN_PX, PAGE_MARGIN_PX))
    )
    return padded.astype(np.float32) / np.float32(255)


def _warp(ink: Ink, matrices: NDArray[np.float64]) -> Ink:
    """Resample each page by its matrix (N, 2, 3), which maps places in the result to the source."""
    warped = np.empty_like(ink)
    for index, (page, matrix) in enumerate(zip(ink, matrices, strict=True)):
        picture = Image.fromarray(page).transform(
            (PAGE_SIDE_PX, PAGE_SIDE_PX),
            Image.Transform.AFFINE,
            matrix.ravel().tolist(),
            Image.Resampling.BILINEAR,
        )
        warped[index] = np.asarray(picture)
    return np.clip(warped, 0, 1)


def _rotate(ink: Ink, degrees: float, _random: np.random.Generator) -> Ink:
    angle = np.deg2rad(degrees)  # positive turns the digit clockwise
    linear = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.full(2, PAGE_SIDE_PX / 2)
    return _warp(ink, np.tile(np.column_stack([linear, centre - linear @ centre]), (len(ink), 1, 1)))


def _scale(ink: Ink, factor: float, _random: np.random.Generator) -> Ink:
    size = max(1, round(PAGE_SIDE_PX * factor))
    begin = (size - PAGE_SIDE_PX) // 2
    window = (begin, begin, begin + PAGE_SIDE_PX, begin + PAGE_SIDE_PX)  # outside the picture is paper
    resized = [Image.fromarray(page).resize((size, size), Image.Resampling.BILINEAR) for page in ink]
    return np.stack([np.asarray(picture.crop(window)) for picture in resized])


def _shift(ink: Ink, pixels: float, random: np.random.Generator) -> Ink:
    angle = random.uniform(0, 2 * np.pi, len(ink))
    matrices = np.tile(np.column_stack([np.eye(2), np.zeros(2)]), (len(ink), 1, 1))
    matrices[:, :, 2] = pixels * ENLARGEMENT * np.column_stack([np.cos(angle), np.sin(angle)])
    return _warp(ink, matrices)


def _add_noise(ink: Ink, deviation: float, random: np.random.Generator) -> Ink:
    noise = random.standard_normal(ink.shape, np.float32) * np.float32(deviation)
    return np.clip(ink + noise, 0, 1)


def _blur(ink: Ink, pixels: float, _random: np.random.Generator) -> Ink:
    sigma = (0, pixels * ENLARGEMENT, pixels * ENLARGEMENT)
    return np.asarray(ndimage.gaussian_filter(ink, sigma), dtype=np.float32)


def _change_stroke(ink: Ink, pixels: float, _random: np.random.Generator) -> Ink:
    radius = abs(pixels) / 2 * ENLARGEMENT
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (np.hypot(rows, columns) <= radius)[np.newaxis]
    change = ndimage.grey_dilation if pixels > 0 else ndimage.grey_erosion
    return np.asarray(change(ink, footprint=disc), dtype=np.float32)


def _reduce_contrast(ink: Ink, contrast: float, _random: np.random.Generator) -> Ink:
    return ink * np.float32(contrast)


DISTORTIONS = (
    Distortion("rotation", "degrees", (-60, -45, -30, -15, 0, 15, 30, 45, 60), _rotate),
    Distortion("shift", "pixels of 28", (0, 2, 4, 6), _shift),
    Distortion("scale", "times the size", (0.25, 0.5, 0.75, 1, 1.25), _scale),
    Distortion("noise", "standard deviation, of black to white", (0, 0.05, 0.1, 0.2, 0.3), _add_noise),
    Distortion("blur", "sigma in pixels of 28", (0, 0.5, 1, 1.5, 2), _blur),
    Distortion("stroke width", "change in pixels of 28", (-2, -1, 0, 1, 2, 3), _change_stroke),
    Distortion("contrast", "of black to white", (0.03, 0.06, 0.12, 0.25, 0.5, 1), _reduce_contrast),
)
