"""Scan or photo of a sheet and the print of its template -> the `Projection` from template to sheet.

Handwriting does not disturb the registration, because the print is found by correlation. The search has two
stages:

1. Coarse: turn, size and shift of the whole sheet, by normalized correlation with the template at all shifts
   at once (Fourier transform; Lewis, "Fast normalized cross-correlation", 1995).
2. Fine, in rounds: the shifts of parts of the template, and the projection that fits them.

If the print is not found, the search starts again from the next best turn and size: among words, the borders
of a few cells may match a wrong place better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.geometry import Affine, Points, Projection, projection_of, rotation, scaling
from number_prediction.layout.marks import Mask

TEMPLATE_SIDE_PX = 1024
"""Longer side of the template in `register`."""
COARSE_SIDE_PX = 128
"""Longer side of the template in the coarse search."""
SHEET_SIZES = np.geomspace(0.45, 1.3, 37)
"""Sizes of the sheet in the coarse search, as shares of the picture."""
TURN_OFFSETS_DEGREES = (-1.5, -0.5, 0.5, 1.5)
"""Turns in the coarse search, relative to the skew and to zero."""
MAX_STARTS = 16
"""Number of turns and sizes from which the search starts, at most."""
MIN_START_DISTANCE = (2.0, 0.06)
"""Distance of two starts: degrees of turn, or logarithm of size."""
SUFFICIENT_FOUND_SHARE = 0.98
"""Share of the print that ends the search when it is found."""
COARSE_ROUNDS = 4
"""Rounds of the coarse search; each halves the steps."""
COARSE_STEPS = (1.0, 0.02, 0.04, 0.04, 0.06, 0.06)
"""Steps of the first coarse round: degrees, logarithms of size and aspect, shear, two tilts."""
PART_REACHES_PX = (32, 16, 8, 4)
"""Largest shift of a part of the template in each fine round, in pixels of the template."""
PARTS_PER_SIDE = 5
"""Parts of the template per side; neighbours overlap by half."""
MIN_INK_VARIANCE_SHARE = 0.02
"""Lower limit of the variance of the ink under the template, as a share of its largest mean square: blank
paper must not match."""
MIN_PART_CORRELATION = 0.2
"""Correlation of a part; the shift of a part below it is ignored."""
MIN_PART_INK = 20
"""Sum of the ink of a part, and of the sheet under it; a part with less is ignored."""
STRETCH_COST, TILT_COST = 1e-3, 0.03
"""Weights of the regularisation against stretching and tilting the template."""
FOUND_DISTANCE_PX = 3
"""Distance within which print counts as found, in pixels of the template."""

_SheetPose: TypeAlias = NDArray[np.float64]
"""(6,): degrees of turn, logarithms of size and aspect, shear, tilt in both directions."""
Ink: TypeAlias = NDArray[np.float32]
"""(h, w) float32 in [0, 1]."""


def register(template: Ink, sheet: Mask, skew: float) -> tuple[Projection, float]:
    """Find a template on a sheet.

    Args:
        template: (h, w), 1 where something is printed; TEMPLATE_SIDE_PX pixels on the longer side.
        sheet: (H, W), all marks on the sheet.
        skew: approximate skew of the sheet relative to the template, in degrees.

    Returns:
        The projection from pixels of the template to pixels of the sheet, and the share of the print that is
        found there, in [0, 1].
    """
    picture = Image.fromarray(sheet.astype(np.uint8) * np.uint8(255))
    tried = []
    for coarse in _find_whole(template, picture, skew):
        found = coarse
        for reach in PART_REACHES_PX:
            points, shifts, weights = _find_parts(template, _view(picture, found, template.shape), reach)
            found = found.after(_explain(points, shifts, weights, template.shape))
        seen = _blur(_view(picture, found, template.shape), FOUND_DISTANCE_PX) > 0
        tried.append((found, float(template[seen].sum() / max(template.sum(), 1e-9))))
        if tried[-1][1] >= SUFFICIENT_FOUND_SHARE:
            break
    return max(tried, key=lambda each: each[1])


def _view(picture: Image.Image, found: Projection, shape: tuple[int, ...]) -> Ink:
    """Transform the sheet to the pixels of the template."""
    size = (shape[1], shape[0])
    step = abs(np.linalg.det(found.matrix[:2, :2])) ** 0.5
    factor = max(1, int(step))
    if factor > 1:
        picture = picture.reduce(factor)
        found = projection_of(scaling(1 / factor)).after(found)
    view = picture.transform(
        size, Image.Transform.PERSPECTIVE, found.coefficients, Image.Resampling.BILINEAR, fillcolor=0
    )
    return _as_ink(view)


def _find_whole(template: Ink, picture: Image.Image, skew: float) -> Iterator[Projection]:
    """Find turn, size and shift of the whole sheet, then aspect, shear and tilt; best match first."""
    shape = [max(1, length * COARSE_SIDE_PX // TEMPLATE_SIDE_PX) for length in template.shape]
    small = Image.fromarray(template).resize((shape[1], shape[0]), Image.Resampling.BOX)
    search = _Search(np.asarray(small), picture)
    turns = sorted({round(base + turn, 1) for base in (skew, 0.0) for turn in TURN_OFFSETS_DEGREES})
    tried = [np.array([turn, np.log(size), 0, 0, 0, 0]) for turn in turns for size in SHEET_SIZES]
    for start in _choose_starts(tried, [search.compare(pose)[0] for pose in tried]):
        best, score = start, search.compare(start)[0]
        for halving in range(COARSE_ROUNDS):
            for change in np.diag(COARSE_STEPS) * 0.5**halving:
                for pose in (best + change, best - change):
                    better = search.compare(pose)[0]
                    if better > score:
                        best, score = pose, better
        yield search.compare(best)[1].after(projection_of(scaling(COARSE_SIDE_PX / TEMPLATE_SIDE_PX)))


def _choose_starts(tried: list[_SheetPose], scores: list[float]) -> list[_SheetPose]:
    """Choose the best poses that are far enough apart in turn and size, best first."""
    starts: list[_SheetPose] = []
    for index in np.argsort(scores)[::-1]:
        pose = tried[index]
        if all((np.abs(pose[:2] - other[:2]) > MIN_START_DISTANCE).any() for other in starts):
            starts.append(pose)
    return starts[:MAX_STARTS]


class _Search:
    """Compares a coarse template (h, w) with a sheet in different poses."""

    def __init__(self, template: Ink, picture: Image.Image) -> None:
        self._side = 2 * COARSE_SIDE_PX
        self._factor = max(1, max(picture.size) // self._side)
        self._picture = picture.reduce(self._factor)
        soft = _blur(template, 1)
        self._wanted = self._spectrum(soft - soft.mean())
        self._beneath = self._spectrum(np.full_like(soft, 1 / soft.size))
        self._spread = float(soft.std()) * soft.size

    def compare(self, pose: _SheetPose) -> tuple[float, Projection]:
        """Return the correlation at the best shift, and the projection from the template to the sheet."""
        turn, size, aspect, shear, *tilt = pose
        middle = self._side / 2
        width, height = self._picture.size
        scale = np.exp(size) * max(width, height) / COARSE_SIDE_PX
        rows = [
            (np.exp(aspect), shear, 0),
            (0, np.exp(-aspect), 0),
            (*(each / COARSE_SIDE_PX for each in tilt), 1),
        ]
        matrix = np.array(rows)
        shape = projection_of(Affine(scale, 0, 0, 0, scale, 0)).after(Projection(matrix))
        about = shape.after(projection_of(Affine(1, 0, -middle, 0, 1, -middle)))
        to_picture = projection_of(rotation(float(turn), (0, 0), (width / 2, height / 2))).after(about)
        view = self._picture.transform(
            (self._side, self._side),
            Image.Transform.PERSPECTIVE,
            to_picture.coefficients,
            Image.Resampling.BILINEAR,
            fillcolor=0,
        )
        ink = _blur(_as_ink(view), 1)
        spectrum = np.fft.rfft2(ink)
        mean, square = (
            self._correlate(spectrum, self._beneath),
            self._correlate(np.fft.rfft2(ink**2), self._beneath),
        )
        variance = np.maximum(square - mean**2, MIN_INK_VARIANCE_SHARE * float(square.max()) + 1e-9)
        likeness = self._correlate(spectrum, self._wanted) / (self._spread * np.sqrt(variance))
        y, x = np.unravel_index(likeness.argmax(), likeness.shape)
        shift = [float(place) - self._side * (place > middle) for place in (x, y)]
        found = to_picture.after(projection_of(Affine(1, 0, shift[0], 0, 1, shift[1])))
        return float(likeness.max()), projection_of(scaling(self._factor)).after(found)

    def _spectrum(self, wanted: Ink) -> NDArray[np.complex128]:
        return np.conj(np.fft.rfft2(wanted, (self._side, self._side)))

    def _correlate(
        self, spectrum: NDArray[np.complex128], wanted: NDArray[np.complex128]
    ) -> NDArray[np.float64]:
        """Correlate at each shift; shifts wrap around."""
        return np.fft.irfft2(spectrum * wanted, (self._side, self._side))


def _find_parts(
    template: Ink, view: Ink, reach: int
) -> tuple[Points, NDArray[np.float64], NDArray[np.float64]]:
    """Find the middles of parts of the template, their shifts on the view and their weights, (K, 2) each."""
    points, shifts, weights = [], [], []
    soft, seen = _blur(template, 1), _blur(view, 1)
    padded = np.pad(seen, reach)
    for rows, columns in _parts(template.shape):
        part = soft[rows, columns]
        around = padded[rows.start : rows.stop + 2 * reach, columns.start : columns.stop + 2 * reach]
        if part.sum() < MIN_PART_INK or around.sum() < MIN_PART_INK:
            continue
        spectrum = np.conj(np.fft.rfft2(part - part.mean(), around.shape))
        likeness = np.fft.irfft2(np.fft.rfft2(around) * spectrum, around.shape)[
            : 2 * reach + 1, : 2 * reach + 1
        ]
        y, x = (int(place) for place in np.unravel_index(likeness.argmax(), likeness.shape))
        beneath = around[y : y + part.shape[0], x : x + part.shape[1]]
        scale = float(np.linalg.norm(part - part.mean()) * np.linalg.norm(beneath - beneath.mean())) + 1e-9
        if likeness[y, x] / scale < MIN_PART_CORRELATION:
            continue
        peak = float(likeness[y, x])
        beside = [likeness[y, max(0, x - 2)], likeness[y, min(2 * reach, x + 2)]]
        above = [likeness[max(0, y - 2), x], likeness[min(2 * reach, y + 2), x]]
        points.append(((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2))
        shifts.append((float(x - reach), float(y - reach)))
        weights.append([max(0.0, peak - float(np.mean(each))) / scale for each in (beside, above)])
    return (
        np.array(points, np.float64).reshape(-1, 2),
        np.array(shifts, np.float64).reshape(-1, 2),
        np.array(weights, np.float64).reshape(-1, 2),
    )


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    sides = [2 * length // (PARTS_PER_SIDE + 1) for length in shape]
    for row in range(PARTS_PER_SIDE):
        for column in range(PARTS_PER_SIDE):
            top, left = row * shape[0] // (PARTS_PER_SIDE + 1), column * shape[1] // (PARTS_PER_SIDE + 1)
            yield (
                slice(top, min(shape[0], top + sides[0])),
                slice(left, min(shape[1], left + sides[1])),
            )


def _explain(
    points: Points, shifts: NDArray[np.float64], weights: NDArray[np.float64], shape: tuple[int, ...]
) -> Projection:
    """Fit the projection that moves points by their shifts: robust, regularised least squares."""
    if not len(points):
        return projection_of(scaling(1))
    size = max(shape) / 2
    normal = np.array([(1 / size, 0, -shape[1] / 2 / size), (0, 1 / size, -shape[0] / 2 / size), (0, 0, 1)])
    x, y = Projection(normal)(points).T
    moved = Projection(normal)(points + shifts)
    zero, one = np.zeros_like(x), np.ones_like(x)
    u, v = moved.T
    design = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    still = np.array([1.0, 0, 0, 0, 1.0, 0, 0, 0])
    cost = np.diag(np.array([STRETCH_COST, STRETCH_COST, 0] * 2 + [TILT_COST, TILT_COST]) + 1e-9)
    target, sure = np.concatenate([u, v]), weights.T.ravel()
    answer, trust = still, np.ones(2 * len(x))
    for _ in range(4):
        weighted = design * (sure * trust)[:, np.newaxis]
        answer = np.linalg.solve(weighted.T @ design + cost, weighted.T @ target + cost @ still)
        off = np.abs(design @ answer - target)
        trust = 1 / np.maximum(1, off / max(1.5 * float(np.median(off)), 1 / size))
    matrix = np.append(answer, 1.0).reshape(3, 3)
    return Projection(np.linalg.inv(normal)).after(Projection(matrix)).after(Projection(normal))


def _as_ink(picture: Image.Image) -> Ink:
    return np.asarray(picture).astype(np.float32) / np.float32(255)


def _blur(ink: Ink, reach: int) -> Ink:
    """Mean over a square of 2 * reach + 1 pixels per side."""
    size = 2 * reach + 1
    padded = np.pad(ink, reach)
    rows = np.sum([padded[i : i + ink.shape[0]] for i in range(size)], axis=0)
    mean = np.sum([rows[:, i : i + ink.shape[1]] for i in range(size)], axis=0) / size**2
    return np.asarray(mean, np.float32)
