"""Figures of an exploration: arrays and tables in, Figure out, which the caller shows or saves.

Needs the extra `train` (matplotlib, seaborn, pandas).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from number_prediction.datasets.exploration import MEASURES
from number_prediction.datasets.split import Split
from number_prediction.reports.plots.evaluation import image_grid, open_axes

MAX_THUMBNAILS = 400
"""Thumbnails on a map; more would hide each other."""


def sample_grid(split: Split, *, columns: int = 12, seed: int = 0) -> Figure:
    """A row of random pictures of each class."""
    generator = np.random.default_rng(seed)
    pictures = np.zeros((len(split.classes), columns, *split.images[0].shape), np.uint8)
    for label in range(len(split.classes)):
        members = np.flatnonzero(split.labels == label)
        chosen = generator.permutation(members)[:columns]
        pictures[label, : len(chosen)] = split.images[chosen]
    titles = [name if column == 0 else "" for name in split.classes for column in range(columns)]
    return image_grid(pictures.reshape(-1, *pictures.shape[2:]), titles, columns=columns)


def class_images(
    means: NDArray[np.floating], variances: NDArray[np.floating], classes: Sequence[str]
) -> Figure:
    """Mean (upper row) and variance (lower row) of each class; arrays (C, H, W)."""
    count = len(classes)
    figure = Figure(figsize=(max(4.0, count * 0.95), 2.6), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False)
    for column, name in enumerate(classes):
        axes[0, column].imshow(means[column], cmap="gray_r", vmin=0, vmax=1)
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].imshow(variances[column], cmap="magma", vmin=0, vmax=0.25)
    for row, label in enumerate(("mean", "variance")):
        for axis in axes[row]:
            axis.set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(label)
    return figure


def measure_distributions(table: pandas.DataFrame) -> Figure:
    """Box plots of each measurement by class; `table` is the result of `measure`."""
    columns = 3
    rows = -(-len(MEASURES) // columns)
    figure = Figure(figsize=(12, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns).ravel()
    classes = list(table["label"].cat.categories)
    by_class = [table[table["label"] == name] for name in classes]
    for axis, name in zip(axes, MEASURES, strict=False):
        axis.boxplot([part[name] for part in by_class], tick_labels=classes, flierprops={"markersize": 1})
        axis.set(title=name.replace("_", " "), xlabel="", ylabel="")
    for axis in axes[len(MEASURES) :]:
        axis.set_axis_off()
    return figure


def thumbnail_map(
    points: NDArray[np.floating], split: Split, *, title: str, seed: int = 0, ax: Axes | None = None
) -> Figure:
    """Map (N, 2) of a split: one coloured dot per picture, thumbnails of some."""
    figure, axis = open_axes(ax, (11, 8.5))
    colours = seaborn.color_palette("husl", len(split.classes))
    for label, name in enumerate(split.classes):
        members = split.labels == label
        axis.scatter(points[members, 0], points[members, 1], s=4, color=colours[label], label=name, alpha=0.5)
    shown = np.random.default_rng(seed).permutation(len(split))[:MAX_THUMBNAILS]
    for index in shown:
        image = split.images[index]
        rgba = np.zeros((*image.shape, 4))
        rgba[..., :3], rgba[..., 3] = colours[split.labels[index]], image / 255
        axis.add_artist(AnnotationBbox(OffsetImage(rgba, zoom=0.6), points[index], frameon=False))
    axis.set(title=title, xticks=[], yticks=[])
    axis.legend(markerscale=4, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="class")
    return figure


def neighbour_grid(
    queries: NDArray[np.uint8], neighbours: NDArray[np.uint8], titles: Sequence[Sequence[str]]
) -> Figure:
    """Pictures (M, H, W), each followed by its neighbours (M, K, H, W); titles M rows of K + 1."""
    pictures = np.concatenate([queries[:, np.newaxis], neighbours], axis=1)
    flat_titles = [title for row in titles for title in row]
    return image_grid(pictures.reshape(-1, *pictures.shape[2:]), flat_titles, columns=pictures.shape[1])


def measure_comparison(first: pandas.DataFrame, second: pandas.DataFrame, names: Sequence[str]) -> Figure:
    """Distribution of each measurement in two data sets, drawn over each other."""
    columns = 4
    rows = -(-len(MEASURES) // columns)
    figure = Figure(figsize=(12, 2.4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns).ravel()
    for axis, measure in zip(axes, MEASURES, strict=False):
        both = np.concatenate([first[measure], second[measure]])
        low, high = np.percentile(both, [0.5, 99.5])
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(float(low), float(high), 40)
        for table, name in zip((first, second), names, strict=True):
            weights = np.full(
                len(table), 1 / len(table)
            )  # the share of each bin, also where a bin holds none
            axis.hist(table[measure], edges, weights=weights, alpha=0.5, label=name)
        axis.set(title=measure.replace("_", " "), yticks=[])
    for axis in axes[len(MEASURES) :]:
        axis.set_axis_off()
    axes[0].legend(frameon=False, fontsize=8)
    return figure
