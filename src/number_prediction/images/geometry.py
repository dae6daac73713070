"""Places in pictures: boxes, and maps from points of one picture to points of another.

Coordinates are pixels: x to the right, y downward, (0, 0) the upper left corner of the upper left pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
"""(K, 2) float64: x and y."""


class Box(NamedTuple):
    """A rectangle along the axes, in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    @property
    def corners(self) -> Points:
        """(4, 2): corners, clockwise from the upper left."""
        return np.array(
            [
                (self.left, self.top),
                (self.right, self.top),
                (self.right, self.bottom),
                (self.left, self.bottom),
            ]
        )


def box_of(points: Points) -> Box:
    """Find the smallest box around points (K, 2), K at least 1."""
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    tall = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0.0, wide) * max(0.0, tall)
    whole = one.width * one.height + other.width * other.height - shared
    return shared / whole if whole > 0 else 0.0


class Affine(NamedTuple):
    """x' = a x + b y + c, y' = d x + e y + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def __call__(self, points: Points) -> Points:
        """Map points (K, 2)."""
        mapped: Points = points @ np.array([(self.a, self.d), (self.b, self.e)]) + (self.c, self.f)
        return mapped

    def after(self, first: Affine) -> Affine:
        """Return the map that applies `first`, then this one."""
        a, b, c, d, e, f = first
        return Affine(
            self.a * a + self.b * d,
            self.a * b + self.b * e,
            self.a * c + self.b * f + self.c,
            self.d * a + self.e * d,
            self.d * b + self.e * e,
            self.d * c + self.e * f + self.f,
        )

    @property
    def inverse(self) -> Affine:
        """The inverse map."""
        det = self.a * self.e - self.b * self.d
        a, b, d, e = self.e / det, -self.b / det, -self.d / det, self.a / det
        return Affine(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f))


LEFT_AS_IT_IS = Affine(1, 0, 0, 0, 1, 0)
"""The identity."""


def scaling(factor: float) -> Affine:
    """Make a map that scales around the upper left corner."""
    return Affine(factor, 0, 0, 0, factor, 0)


def rotation(
    degrees: float, centre: tuple[float, float] = (0, 0), to: tuple[float, float] = (0, 0)
) -> Affine:
    """Make a map that rotates clockwise, as seen on the screen, and moves `centre` to `to`."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = centre
    return Affine(cos, -sin, to[0] - cos * x + sin * y, sin, cos, to[1] - sin * x - cos * y)


@dataclass(frozen=True, eq=False)
class Projection:
    """A projective map between planes, as a camera makes it."""

    matrix: NDArray[np.float64]
    """(3, 3) in homogeneous coordinates; the last entry is 1."""

    def __call__(self, points: Points) -> Points:
        """Map points (K, 2)."""
        across = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        mapped: Points = across[:, :2] / across[:, 2:]
        return mapped

    def after(self, first: Projection) -> Projection:
        """Return the map that applies `first`, then this one."""
        matrix = self.matrix @ first.matrix
        return Projection(matrix / matrix[2, 2])

    @property
    def coefficients(self) -> tuple[float, ...]:
        """The eight coefficients for Pillow."""
        return tuple(float(value) for value in self.matrix.ravel()[:8])

    def near(self, x: float, y: float, reach: float) -> Affine:
        """Approximate by an affine map within `reach` pixels of a point."""
        middle, left, right, above, below = self(
            np.array([(x, y), (x - reach, y), (x + reach, y), (x, y - reach), (x, y + reach)])
        )
        (a, d), (b, e) = (right - left) / (2 * reach), (below - above) / (2 * reach)
        return Affine(
            float(a),
            float(b),
            float(middle[0] - a * x - b * y),
            float(d),
            float(e),
            float(middle[1] - d * x - e * y),
        )


def projection_of(affine: Affine) -> Projection:
    """Convert an affine map to a projection."""
    return Projection(np.array([affine[:3], affine[3:], (0.0, 0.0, 1.0)]))
