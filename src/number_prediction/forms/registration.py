"""A sheet that was scanned or photographed -> where each point of its template lies on it.

In: what is printed on the template, and the ink of the sheet. Out: a `Projection` from template to sheet.
What a person wrote on the sheet is in the way of nothing: the printed marks are found by correlation.

First turn, size and shift of the whole sheet, coarsely, by normalized correlation with the whole template, at
all shifts at once by the Fourier transform (Lewis, "Fast normalized cross-correlation", 1995); then, ever
finer, the shifts of its parts, and the projection that explains them best. Where that does not find what is
printed, it begins anew from the next best turn and size: among words, the borders of a few cells may be
likest elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.geometry import Affine, Points, Projection, projection_of, rotation, scaling
from number_prediction.layout.marks import Mask

SIDE = 1024
"""Longer side of the template as `register` takes it."""
COARSE = 128
"""The same for the first, coarse search."""
SIZES = np.geomspace(0.45, 1.3, 37)
"""Sizes of the sheet that are tried, as shares of the picture."""
TURNS = (-1.5, -0.5, 0.5, 1.5)
"""Degrees about the skew, and about none, that are tried."""
STARTS = 16
"""Turns and sizes from which the search begins, at most."""
APART = (2.0, 0.06)
"""Degrees or logarithm of size by which they differ."""
ENOUGH = 0.98
"""Share of the printed marks from which the search ends."""
ROUNDS = 4
STEPS = (1.0, 0.02, 0.04, 0.04, 0.06, 0.06)
"""First steps of the coarse search: degrees, logarithms of size and aspect, shear, tilts; then half."""
REACHES = (32, 16, 8, 4)
"""Pixels of the template by which its parts may be shifted, round by round."""
PARTS = 5
"""Of each side; they overlap by half."""
LEAST_VARIANCE = 0.02
"""Of the ink beneath the template, as a share of the most ink beneath it: paper is like nothing."""
LEAST_LIKENESS = 0.2
"""Correlation below which the shift of a part is not believed."""
STIFF, FLAT = 1e-3, 0.03
"""What it costs to stretch the template, and to tilt it."""
NEAR = 3
"""Pixels of the template by which a printed mark may be off, to count as found."""

_Values: TypeAlias = NDArray[np.float64]
"""As `_Search.compare` takes them."""
Ink: TypeAlias = NDArray[np.float32]
"""(h, w) float32 in [0, 1]."""


def register(template: Ink, sheet: Mask, skew: float) -> tuple[Projection, float]:
    """Find a template on a sheet.

    Args:
        template: (h, w), 1 where something is printed; the longer side has SIDE pixels.
        sheet: (H, W), all marks on the sheet.
        skew: degrees by which the sheet's lines fall more than the template's, about.

    Returns:
        Projection from pixels of the template to pixels of the sheet, and the share of the printed marks
        that it finds there, in [0, 1].
    """
    picture = Image.fromarray(sheet.astype(np.uint8) * np.uint8(255))
    tried = []
    for coarse in _find_whole(template, picture, skew):
        found = coarse
        for reach in REACHES:
            points, shifts, weights = _find_parts(template, _view(picture, found, template.shape), reach)
            found = found.after(_explain(points, shifts, weights, template.shape))
        seen = _blur(_view(picture, found, template.shape), NEAR) > 0
        tried.append((found, float(template[seen].sum() / max(template.sum(), 1e-9))))
        if tried[-1][1] >= ENOUGH:
            break
    return max(tried, key=lambda each: each[1])


def _view(picture: Image.Image, found: Projection, shape: tuple[int, ...]) -> Ink:
    """The sheet as the template would see it."""
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
    """Turn, size and shift of the whole sheet, then also its aspect, shear and tilt; the likeliest first."""
    shape = [max(1, length * COARSE // SIDE) for length in template.shape]
    small = Image.fromarray(template).resize((shape[1], shape[0]), Image.Resampling.BOX)
    search = _Search(np.asarray(small), picture)
    turns = sorted({round(base + turn, 1) for base in (skew, 0.0) for turn in TURNS})
    tried = [np.array([turn, np.log(size), 0, 0, 0, 0]) for turn in turns for size in SIZES]
    for start in _choose_starts(tried, [search.compare(values)[0] for values in tried]):
        best, score = start, search.compare(start)[0]
        for halving in range(ROUNDS):
            for change in np.diag(STEPS) * 0.5**halving:
                for values in (best + change, best - change):
                    better = search.compare(values)[0]
                    if better > score:
                        best, score = values, better
        yield search.compare(best)[1].after(projection_of(scaling(COARSE / SIDE)))


def _choose_starts(tried: list[_Values], scores: list[float]) -> list[_Values]:
    """The best that lie apart, best first; turn and logarithm of size come first in each."""
    starts: list[_Values] = []
    for index in np.argsort(scores)[::-1]:
        values = tried[index]
        if all((np.abs(values[:2] - other[:2]) > APART).any() for other in starts):
            starts.append(values)
    return starts[:STARTS]


class _Search:
    """Compares a template (h, w) of COARSE pixels a side with a sheet that is turned and tilted."""

    def __init__(self, template: Ink, picture: Image.Image) -> None:
        self._side = 2 * COARSE
        self._factor = max(1, max(picture.size) // self._side)
        self._picture = picture.reduce(self._factor)
        soft = _blur(template, 1)
        self._wanted = self._spectrum(soft - soft.mean())
        self._beneath = self._spectrum(np.full_like(soft, 1 / soft.size))
        self._spread = float(soft.std()) * soft.size

    def compare(self, values: _Values) -> tuple[float, Projection]:
        """How alike they are, and the map from the template to the sheet.

        `values`: degrees of turn, logarithms of size and aspect, shear, tilt in both directions.
        """
        turn, size, aspect, shear, *tilt = values
        middle = self._side / 2
        width, height = self._picture.size
        scale = np.exp(size) * max(width, height) / COARSE
        rows = [(np.exp(aspect), shear, 0), (0, np.exp(-aspect), 0), (*(each / COARSE for each in tilt), 1)]
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
        variance = np.maximum(square - mean**2, LEAST_VARIANCE * float(square.max()) + 1e-9)
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
        """At each shift, which wraps around."""
        return np.fft.irfft2(spectrum * wanted, (self._side, self._side))


def _find_parts(
    template: Ink, view: Ink, reach: int
) -> tuple[Points, NDArray[np.float64], NDArray[np.float64]]:
    """Middles of parts of the template, their shifts on the view, and how sure these are, (K, 2) each."""
    points, shifts, weights = [], [], []
    soft, seen = _blur(template, 1), _blur(view, 1)
    padded = np.pad(seen, reach)
    for rows, columns in _parts(template.shape):
        part = soft[rows, columns]
        around = padded[rows.start : rows.stop + 2 * reach, columns.start : columns.stop + 2 * reach]
        if part.sum() < 20 or around.sum() < 20:
            continue
        spectrum = np.conj(np.fft.rfft2(part - part.mean(), around.shape))
        likeness = np.fft.irfft2(np.fft.rfft2(around) * spectrum, around.shape)[
            : 2 * reach + 1, : 2 * reach + 1
        ]
        y, x = (int(place) for place in np.unravel_index(likeness.argmax(), likeness.shape))
        beneath = around[y : y + part.shape[0], x : x + part.shape[1]]
        scale = float(np.linalg.norm(part - part.mean()) * np.linalg.norm(beneath - beneath.mean())) + 1e-9
        if likeness[y, x] / scale < LEAST_LIKENESS:
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
    sides = [2 * length // (PARTS + 1) for length in shape]
    for row in range(PARTS):
        for column in range(PARTS):
            top, left = row * shape[0] // (PARTS + 1), column * shape[1] // (PARTS + 1)
            yield (
                slice(top, min(shape[0], top + sides[0])),
                slice(left, min(shape[1], left + sides[1])),
            )


def _explain(
    points: Points, shifts: NDArray[np.float64], weights: NDArray[np.float64], shape: tuple[int, ...]
) -> Projection:
    """The projection that moves points by their shifts, by least squares that outliers do not sway."""
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
    cost = np.diag(np.array([STIFF, STIFF, 0, STIFF, STIFF, 0, FLAT, FLAT]) + 1e-9)
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
    """Mean over a square of 2 * reach + 1 pixels a side."""
    size = 2 * reach + 1
    padded = np.pad(ink, reach)
    rows = np.sum([padded[i : i + ink.shape[0]] for i in range(size)], axis=0)
    mean = np.sum([rows[:, i : i + ink.shape[1]] for i in range(size)], axis=0) / size**2
    return np.asarray(mean, np.float32)
