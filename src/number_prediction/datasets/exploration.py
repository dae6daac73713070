"""Split -> tables and arrays that describe it: shapes, neighbours, duplicates, outliers and maps.

In: frames, (N, 28, 28) uint8 with ink 255, of any number of classes. Tables are pandas frames with one row
per picture, class or pair. Needs the extra `train` (pandas, scikit-learn, SciPy).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.split import Split, Splits, join
from number_prediction.errors import DataError, MissingExtraError

try:
    import pandas
    from scipy import ndimage, stats
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.neighbors import NearestNeighbors
except ModuleNotFoundError as error:
    raise MissingExtraError.of(error, "train") from error

MAX_PICTURES = 150_000
"""Largest number of pictures in all parts: each is compared with every other, which takes minutes."""
INK_THRESHOLD = 64
"""Grey value from which a pixel counts as ink in measurements of shapes."""
PRINCIPAL_COMPONENTS = 50
"""Principal components in which neighbours are searched: fast, and without noise."""
MAX_FITTED_PICTURES = 20_000
"""Pictures on which the components are fitted; more do not change them."""
NEAR_DUPLICATE_DISTANCE = 0.1
"""Largest distance of near duplicates, as a share of their norm. Different pictures are farther apart, except
a few upright strokes of a 1: in MNIST the nearest pair is at 0.12."""
OUTLIER_NEIGHBOURS = 5
"""Number of nearest pictures of the class; the mean distance to them tells how far out a picture is."""
MEASURES = ("ink", "coverage", "stroke_width", "slant", "aspect", "centre_x", "centre_y")
"""Numeric columns of `measure`."""


def measure(split: Split) -> pandas.DataFrame:
    """Measure each picture.

    Returns:
        One row per picture: `index`, `label` (name of the class), and
        `ink`: mean intensity in [0, 1]; `coverage`: share of pixels that are ink; `stroke_width`: in pixels,
        four times the mean distance of ink to paper, exact for a long bar; `slant`: horizontal shift per
        pixel of height, positive if the top leans right (second moments, as in deslanting); `aspect`: width
        over height of the box of the ink; `centre_x`, `centre_y`: centre of mass, pixel index.
    """
    images = _require_images(split)
    intensity = images.astype(np.float32) / 255
    is_ink = np.asarray(images >= INK_THRESHOLD)
    rows, columns = np.arange(images.shape[1]), np.arange(images.shape[2])
    mass = np.maximum(intensity.sum((1, 2)), 1e-6)
    centre_y = (intensity.sum(2) @ rows) / mass
    centre_x = (intensity.sum(1) @ columns) / mass
    offset_y = rows - centre_y[:, None]
    offset_x = columns - centre_x[:, None]
    covariance = np.einsum("nyx,ny,nx->n", intensity, offset_y, offset_x, optimize=True) / mass
    variance_y = np.einsum("nyx,ny->n", intensity, offset_y**2, optimize=True) / mass
    return pandas.DataFrame(
        {
            "index": np.arange(len(split)),
            "label": pandas.Categorical([split.classes[label] for label in split.labels], split.classes),
            "ink": intensity.mean((1, 2)),
            "coverage": is_ink.mean((1, 2)),
            "stroke_width": _stroke_width(is_ink),
            "slant": -covariance / np.maximum(variance_y, 1e-6),
            "aspect": _extent(np.asarray(is_ink.any(1))) / np.maximum(_extent(np.asarray(is_ink.any(2))), 1),
            "centre_x": centre_x,
            "centre_y": centre_y,
        }
    )


def intensity_statistics(parts: Mapping[str, Split]) -> pandas.DataFrame:
    """Describe the pixel intensities, in [0, 1], of each part: one row per part."""
    _require_parts(parts)
    rows = []
    for name, split in parts.items():
        counts = np.bincount(_require_images(split).ravel(), minlength=256)
        values = np.arange(256) / 255
        mean = float(np.average(values, weights=counts))
        rows.append(
            {
                "part": name,
                "pictures": len(split),
                "mean": mean,
                "std": float(np.sqrt(np.average((values - mean) ** 2, weights=counts))),
                "white": counts[0] / counts.sum(),
                "full ink": counts[255] / counts.sum(),
            }
        )
    return pandas.DataFrame(rows)


def class_counts(parts: Mapping[str, Split]) -> pandas.DataFrame:
    """Count the pictures of each class (rows) in each part (columns)."""
    classes = _require_parts(parts)
    return pandas.DataFrame(
        {name: np.bincount(split.labels, minlength=len(classes)) for name, split in parts.items()},
        index=pandas.Index(classes, name="class"),
    )


def mean_and_variance_images(split: Split) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance of each pixel per class: two arrays (C, H, W) float32, of intensities in [0, 1]."""
    images = _require_images(split)
    shape = (len(split.classes), *images.shape[1:])
    means, variances = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for label in range(len(split.classes)):
        members = images[split.labels == label].astype(np.float32) / 255
        if len(members):
            means[label], variances[label] = members.mean(0), members.var(0)
    return means, variances


@dataclass(frozen=True, eq=False)
class Embedding:
    """Pictures as points in the principal components of a reference set."""

    pca: PCA
    points: NDArray[np.float32]
    """(N, K) float32: points of the reference set."""

    @classmethod
    def of(cls, split: Split, *, seed: int = 0) -> Embedding:
        """Fit at most PRINCIPAL_COMPONENTS on a split, or on a random sample of a large split."""
        pixels = _flatten(split)
        fitted = pixels[sample(split, MAX_FITTED_PICTURES, seed=seed)]
        pca = PCA(min(PRINCIPAL_COMPONENTS, *fitted.shape), svd_solver="randomized", random_state=seed)
        with np.errstate(invalid="ignore"):  # equal pictures have no variance
            pca.fit(fitted)
        return cls(pca, pca.transform(pixels).astype(np.float32))

    def transform(self, split: Split) -> NDArray[np.float32]:
        """Map another split to points (M, K) float32; raises DataError if its images have another size."""
        pixels = _flatten(split)
        if pixels.shape[1] != self.pca.n_features_in_:
            raise DataError(
                f"images of {pixels.shape[1]} pixels, but the embedding has images of "
                f"{self.pca.n_features_in_}; frame both data sets"
            )
        return np.asarray(self.pca.transform(pixels), dtype=np.float32)


def map_with_tsne(points: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """Map points (N, K) to a plane (N, 2) that keeps neighbours together (van der Maaten, Hinton, 2008)."""
    _require_points(points)
    if (points == points[0]).all():
        return np.zeros((len(points), 2), np.float32)
    perplexity = min(30.0, max(1.0, (len(points) - 1) / 3))
    mapped = TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(points)
    return np.asarray(mapped, dtype=np.float32)


def nearest_neighbours(
    reference: NDArray[np.float32], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Distances and indices (M, count) of the points of `reference` (N, K) nearest to `queries` (M, K)."""
    _require_points(reference)
    _require_points(queries)
    search = NearestNeighbors(n_neighbors=min(count, len(reference)), algorithm="brute").fit(reference)
    distances, indices = search.kneighbors(queries)
    return distances.astype(np.float32), indices


def find_duplicates(
    parts: Mapping[str, Split], *, distance: float = NEAR_DUPLICATE_DISTANCE
) -> pandas.DataFrame:
    """Find pairs of equal or nearly equal pictures, inside parts and across parts (leakage).

    Each picture is compared with its nearest neighbour.

    Returns:
        One row per pair, nearest first: `part_a`, `index_a`, `label_a`, `part_b`, `index_b`, `label_b`,
        `distance` (Euclidean, as a share of the two pictures' mean norm), `exact`, `across` (different
        parts).
    """
    _require_parts(parts)
    names = list(parts)
    lengths = [len(_require_images(split)) for split in parts.values()]
    whole = join(list(parts.values()), name="the data set")
    pixels = _flatten(whole)
    points = Embedding.of(whole).points
    _, indices = nearest_neighbours(points, points, 2)
    itself = np.arange(len(whole))
    # either of two exact duplicates may come first; the neighbour is the other one
    neighbour = np.where(indices[:, 0] == itself, indices[:, -1], indices[:, 0])
    first, second = np.minimum(itself, neighbour), np.maximum(itself, neighbour)
    pairs = np.unique(np.stack([first, second], 1)[first != second], axis=0)
    one, other = pixels[pairs[:, 0]], pixels[pairs[:, 1]]
    size = (np.linalg.norm(one, axis=1) + np.linalg.norm(other, axis=1)) / 2
    gaps = np.linalg.norm(one - other, axis=1) / np.maximum(size, 1e-6)
    pairs, gaps = pairs[gaps <= distance], gaps[gaps <= distance]
    part = np.repeat(np.arange(len(names)), lengths)
    begin = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    table = pandas.DataFrame({"distance": gaps, "exact": gaps == 0})
    for side, members in (("a", pairs[:, 0]), ("b", pairs[:, 1])):
        table[f"part_{side}"] = [names[i] for i in part[members]]
        table[f"index_{side}"] = members - begin[part[members]]
        table[f"label_{side}"] = [whole.classes[label] for label in whole.labels[members]]
    table["across"] = table["part_a"] != table["part_b"]
    return table.sort_values("distance", kind="stable", ignore_index=True)


def find_outliers(split: Split, points: NDArray[np.float32], count: int) -> pandas.DataFrame:
    """Find the `count` pictures of each class that are farthest from their class.

    Args:
        split: N pictures.
        points: (N, K), the points of the pictures.
        count: number of pictures per class.

    Returns:
        One row per picture, farthest first inside each class: `index`, `label`, `distance` (mean distance to
        the OUTLIER_NEIGHBOURS nearest pictures of its class). A class of one picture has no rows.
    """
    _require_points(points)
    if len(points) != len(split):
        raise DataError(f"{len(points)} points but {len(split)} pictures; give one point per picture")
    tables = []
    for label, name in enumerate(split.classes):
        members = np.flatnonzero(split.labels == label)
        if len(members) < 2:
            continue
        distances, _ = nearest_neighbours(points[members], points[members], OUTLIER_NEIGHBOURS + 1)
        far = distances[:, 1:].mean(1)
        order = np.argsort(-far, kind="stable")[:count]
        tables.append(pandas.DataFrame({"index": members[order], "label": name, "distance": far[order]}))
    if not tables:
        return pandas.DataFrame({"index": np.empty(0, np.intp), "label": [], "distance": np.empty(0)})
    return pandas.concat(tables, ignore_index=True)


def compare_measures(first: pandas.DataFrame, second: pandas.DataFrame) -> pandas.DataFrame:
    """Compare the measurements of two data sets: one row per measure, the most different first.

    Returns:
        `measure`, `mean_a`, `mean_b`, `std_a`, `std_b`, and `distance`: the Kolmogorov-Smirnov statistic, 0
        for equal distributions, 1 for distributions without overlap.
    """
    for table in (first, second):
        if len(table) == 0 or not np.isfinite(table[list(MEASURES)].to_numpy()).all():
            raise DataError("measurements are missing or NaN; measure a data set with pictures")
    rows = [
        {
            "measure": name,
            "mean_a": first[name].mean(),
            "mean_b": second[name].mean(),
            "std_a": first[name].std(),
            "std_b": second[name].std(),
            "distance": stats.ks_2samp(first[name], second[name]).statistic,
        }
        for name in MEASURES
    ]
    return pandas.DataFrame(rows).sort_values("distance", ascending=False, ignore_index=True)


def sample(split: Split, count: int, *, seed: int = 0) -> NDArray[np.intp]:
    """Draw at most `count` pictures at random; returns sorted indices."""
    if len(split) <= count:
        return np.arange(len(split))
    return np.sort(np.random.default_rng(seed).choice(len(split), count, replace=False))


def sample_splits(splits: Splits, count: int, *, seed: int = 0) -> Splits:
    """Draw at most `count` pictures of all parts together; each part keeps about its share."""
    ends = np.cumsum([len(part) for part in splits])
    if ends[-1] <= count:
        return splits
    chosen = np.sort(np.random.default_rng(seed).choice(ends[-1], count, replace=False))
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    begins = (0, *ends[:-1])
    return Splits(*(part.select(own - begin) for part, own, begin in zip(splits, parts, begins, strict=True)))


def require_size(splits: Splits) -> None:
    """Raise DataError if there are too few or too many pictures to explore."""
    total = sum(len(part) for part in splits)
    if total > MAX_PICTURES:
        raise DataError(
            f"{total:,} pictures, but at most {MAX_PICTURES:,} can be compared with each other; "
            f"explore a sample: --sample {MAX_PICTURES}"
        )
    if len(splits.train) < 2:
        raise DataError(
            f"{len(splits.train)} training pictures of {total}, but explore needs at least two; add pictures "
            "or choose a larger --sample"
        )


def _stroke_width(is_ink: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) in pixels. Over a bar of width w the distance to paper rises to w / 2 and is w / 4 on average."""
    count, height, width = is_ink.shape
    # One distance transform for all pictures, with paper between them.
    spaced = np.zeros((count, height + 1, width + 1), bool)
    spaced[:, :height, :width] = is_ink
    strip = spaced.reshape(count * (height + 1), width + 1)
    depth = ndimage.distance_transform_edt(np.pad(strip, 1))[1:-1, 1:-1] - 0.5
    depth = depth.reshape(count, height + 1, width + 1)[:, :height, :width]
    total = np.where(is_ink, depth, 0).sum((1, 2))
    return np.asarray(4 * total / np.maximum(is_ink.sum((1, 2)), 1), dtype=np.float64)


def _extent(marked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(N, M) bool -> (N,) distance from the first to the last True, both counted; 0 if there is none."""
    first = marked.argmax(1)
    last = marked.shape[1] - 1 - marked[:, ::-1].argmax(1)
    return np.where(marked.any(1), last - first + 1, 0)


def _flatten(split: Split) -> NDArray[np.float32]:
    images = _require_images(split)
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)


def _require_parts(parts: Mapping[str, Split]) -> tuple[str, ...]:
    """Return the classes of all parts; raises DataError without parts or with different classes."""
    if not parts:
        raise DataError("no parts of a data set to explore; give at least one")
    classes = {split.classes for split in parts.values()}
    if len(classes) > 1:
        raise DataError(f"the parts {', '.join(parts)} have different classes; give parts of one data set")
    return classes.pop()


def _require_points(points: NDArray[np.floating]) -> None:
    if len(points) == 0 or not np.isfinite(points).all():
        raise DataError("points are missing or NaN; embed a data set with pictures")


def _require_images(split: Split) -> NDArray[np.uint8]:
    if not isinstance(split.images, np.ndarray):
        raise DataError("picture files cannot be explored directly; frame them first")
    if len(split) == 0:
        raise DataError("the data set is empty; give one with pictures")
    return split.images
