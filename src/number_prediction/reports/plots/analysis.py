"""Figures of an analysis: saliency, robustness and layers. Arrays in, Figure out.

Needs the extra `train` (matplotlib).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.figure import Figure
from numpy.typing import NDArray

from number_prediction.evaluation.saliency import Faithfulness
from number_prediction.reports.plots.evaluation import FIRST_COLOUR

MAX_MAPS = 16
"""Most channels of a layer that are shown; the strongest are chosen."""
MAX_FILTERS = 64
"""Most weights of the first layer that are shown; the largest are chosen."""


def saliency_grid(
    frames: NDArray[np.generic], maps: Mapping[str, NDArray[np.floating]], titles: Sequence[str]
) -> Figure:
    """Frames (N, 28, 28), ink high, above their saliency maps (N, 28, 28), one row per method.

    Red speaks for the answer, blue against it. Each map is scaled by its own largest value.
    """
    figure = Figure(figsize=(1.1 * len(frames) + 1, 1.25 * (len(maps) + 1)), layout="constrained")
    axes = figure.subplots(len(maps) + 1, len(frames), squeeze=False)
    for column, (frame, title) in enumerate(zip(frames, titles, strict=True)):
        axes[0, column].imshow(frame, cmap="gray_r")
        axes[0, column].set_title(title, fontsize=8)
    for row, (name, values) in enumerate(maps.items(), start=1):
        for column, value in enumerate(values):
            limit = max(float(np.abs(value).max()), 1e-9)
            axes[row, column].imshow(value, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes[row, 0].set_ylabel(name, fontsize=8)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    return figure


def faithfulness_curves(curves: Mapping[str, Faithfulness]) -> Figure:
    """Deletion and insertion curves of each saliency method beside random order."""
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for name, curve in curves.items():
        style = {"linestyle": "--", "color": "grey"} if name == "random" else {}
        for axis, values, area in (
            (axes[0], curve.deletion, curve.deletion_area),
            (axes[1], curve.insertion, curve.insertion_area),
        ):
            axis.plot(100 * curve.shares, values, label=f"{name} (area {area:.3f})", **style)
    axes[0].set(title="Deletion: lower is better", ylabel="mean probability of the answer", ylim=(0, 1.02))
    axes[1].set(title="Insertion: higher is better")
    for axis, verb in zip(axes, ("deleted", "inserted"), strict=True):
        axis.set(xlabel=f"ink {verb}, the most important first, in %")
        axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    return figure


def robustness_curves(tables: Mapping[str, pandas.DataFrame]) -> Figure:
    """Accuracy against the strength of each distortion; `tables` maps a model's name to its measurements."""
    first = next(iter(tables.values()))
    names = list(dict.fromkeys(first["distortion"]))
    columns = 4
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(11, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axis, name in zip(axes, names, strict=False):
        for label, table in tables.items():
            part = table[table["distortion"] == name]
            axis.plot(part["level"], 100 * part["accuracy"], "o-", markersize=3, label=label)
        unit = first.loc[first["distortion"] == name, "unit"].iloc[0]
        axis.set(title=name, xlabel=unit, ylim=(0, 102))
    for axis in axes[::columns]:
        axis.set_ylabel("accuracy in %")
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    if len(tables) > 1:
        axes[0].legend(frameon=False)
    return figure


def filter_grid(filters: NDArray[np.floating], *, columns: int = 16) -> Figure:
    """Weights of a first layer (K, height, width): red is positive, blue negative, each scaled by itself.

    With more than MAX_FILTERS, those with the largest sum of squares are shown.
    """
    filters = filters[_strongest(np.square(filters).sum((1, 2)), MAX_FILTERS)]
    rows = -(-len(filters) // columns)
    figure = Figure(figsize=(0.6 * columns, 0.65 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, weights in zip(axes, filters, strict=False):
        limit = max(float(np.abs(weights).max()), 1e-9)
        axis.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit)
    return figure


def feature_map_grid(frame: NDArray[np.generic], layers: Sequence[NDArray[np.floating]]) -> Figure:
    """A frame (28, 28) and the output of each layer (channels, height, width), one row per layer.

    With more than MAX_MAPS channels, those with the largest sum are shown. Layers without rows and columns
    are shown as bars, one per channel.
    """
    rows = max(1, len(layers))
    figure = Figure(figsize=(0.62 * (MAX_MAPS + 2), 0.78 * rows + 0.2), layout="constrained")
    grid = figure.add_gridspec(rows, MAX_MAPS + 1)
    axis = figure.add_subplot(grid[0, 0])
    axis.imshow(frame, cmap="gray_r")
    axis.set_title("frame", fontsize=8)
    axis.set_axis_off()
    for row, layer in enumerate(layers):
        channels, height, width = layer.shape
        if height == width == 1:
            axis = figure.add_subplot(grid[row, 1:])
            axis.bar(np.arange(channels), layer[:, 0, 0], width=1, color=FIRST_COLOUR)
            axis.set(xticks=[], yticks=[], xlim=(-0.5, channels - 0.5))
            axis.set_ylabel(f"{channels}", fontsize=8)
            continue
        for column, channel in enumerate(_strongest(layer.sum((1, 2)), MAX_MAPS), start=1):
            axis = figure.add_subplot(grid[row, column])
            axis.imshow(layer[channel], cmap="magma", vmin=min(0.0, float(layer.min())), vmax=layer.max())
            axis.set(xticks=[], yticks=[])
            if column == 1:
                axis.set_ylabel(f"{channels}\n{height}x{width}", fontsize=7)
    return figure


def _strongest(strength: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Sorted indices of the `count` largest of `strength` (K,)."""
    return np.sort(np.argsort(-strength, kind="stable")[:count])
