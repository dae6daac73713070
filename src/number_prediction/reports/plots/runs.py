"""Figures of several runs: records and arrays in, Figure out, which the caller shows or saves.

A run has the same colour and mark in all figures. Needs the extra `train` (matplotlib, seaborn).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from number_prediction.evaluation.metrics import wilson_interval
from number_prediction.evaluation.significance import PairComparison
from number_prediction.reports.plots.evaluation import open_axes
from number_prediction.runs.run import Record

RUN_MARKERS = "os^DvPX*"
_DISTINCT_COLOURS = 10  # of seaborn's palette for the colour-blind
_LEGEND_COLUMNS = 2
_MAX_NAME = 26  # signs of a name that are drawn; as many as `train` gives a run's folder, and some more
_MAX_WIDTH = 40.0  # inches; a wider figure is too large for a phone to decode


def learning_curves(records: Mapping[str, Sequence[Record]]) -> Figure:
    """Validation loss and accuracy over seconds of training and over epochs, training loss over epochs.

    Args:
        records: name of a run -> its log.

    The axes are cut to the second halves of the curves, where runs can be compared.
    """
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    for style, log in zip(_styles(len(records)), records.values(), strict=True):
        validations = [record for record in log if record.validation_accuracy is not None]
        losses = [record.validation_loss or 0.0 for record in validations]
        shares = [100 * (record.validation_accuracy or 0.0) for record in validations]
        for row, unit in enumerate(("seconds", "epoch")):
            at = [getattr(record, unit) for record in validations]
            axes[row, 0].plot(at, losses, **style)
            axes[row, 1].plot(at, shares, **style)
        training = [record for record in log if record.loss is not None]
        epochs = [record.epoch for record in training]
        axes[1, 2].plot(epochs, [record.loss or 0.0 for record in training], color=style["color"])
    for row, unit in enumerate(("seconds of training", "epochs")):
        axes[row, 0].set(xlabel=unit, ylabel="loss", title="Validation loss, not calibrated")
        axes[row, 1].set(xlabel=unit, ylabel="accuracy in %", title="Validation accuracy")
    axes[1, 2].set(xlabel="epochs", ylabel="loss", title="Training loss")
    for axis in (*axes[:, 0], *axes[:, 1], axes[1, 2]):
        _show_second_halves(axis)
    axes[0, 2].set_axis_off()
    axes[0, 2].legend(axes[0, 0].lines, [_plain(name) for name in records], frameon=False, loc="center left")
    return figure


def class_recall(
    right: Mapping[str, NDArray[np.integer]],
    support: NDArray[np.integer],
    classes: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Figure:
    """Share of each class that each run reads right, with its 95% Wilson interval.

    Args:
        right: name of a run -> (C,) pictures of each class that it reads right.
        support: (C,) pictures of each class, at least one.
        classes: (C,) names.
        ax: the axes to draw into; by default those of a new figure.
    """
    width = min(_MAX_WIDTH, max(7.0, (0.45 + 0.12 * len(right)) * len(classes)))
    legend_rows = -(-len(right) // _LEGEND_COLUMNS)
    figure, axis = open_axes(ax, (width, 4 + 0.2 * legend_rows))
    position = np.arange(len(classes))
    offsets = np.linspace(-0.3, 0.3, len(right)) if len(right) > 1 else [0.0]
    for offset, style, (name, counts) in zip(offsets, _styles(len(right)), right.items(), strict=True):
        intervals = [wilson_interval(int(k), int(n)) for k, n in zip(counts, support, strict=True)]
        low, high = 100 * np.array(intervals).T
        axis.vlines(position + offset, low, high, color=style["color"], linewidth=1, alpha=0.6)
        axis.plot(
            position + offset, 100 * counts / support, **{**style, "linestyle": "none"}, label=_plain(name)
        )
    for edge in position[:-1] + 0.5:
        axis.axvline(edge, color="0.9", linewidth=1, zorder=0)
    axis.set_xticks(
        position, [_plain(name) for name in classes], rotation=45 if max(map(len, classes)) > 4 else 0
    )
    axis.set_xlim(-0.5, len(classes) - 0.5)
    axis.set(xlabel="class", ylabel="read right, in %", title="Recall by class (cut axis)")
    if ax is None:
        figure.legend(frameon=False, loc="outside lower center", ncols=_LEGEND_COLUMNS)
    else:
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=_LEGEND_COLUMNS)
    return figure


def pair_differences(
    pairs: Sequence[PairComparison], names: Sequence[str], *, ax: Axes | None = None
) -> Figure:
    """Difference of accuracies of each pair with its 95% interval; filled dots are significant.

    Args:
        pairs: at least one comparison.
        names: (R,) names of the runs.
        ax: the axes to draw into; by default those of a new figure.
    """
    figure, axis = open_axes(ax, (8, 1.1 + 0.55 * len(pairs)))
    axis.axvline(0, color="0.5", linestyle="--", linewidth=1)
    for row, pair in enumerate(pairs):
        low, high = (100 * edge for edge in pair.interval)
        axis.hlines(row, low, high, color="0.2", linewidth=1.5)
        face = "0.2" if pair.is_significant else "white"
        axis.plot(100 * pair.difference, row, "o", color="0.2", markerfacecolor=face)
    labels = [f"{_plain(names[pair.first])}\nminus {_plain(names[pair.second])}" for pair in pairs]
    axis.set_yticks(range(len(pairs)), labels)
    axis.set_ylim(len(pairs) - 0.5, -0.5)
    axis.set(xlabel="difference of accuracies in percentage points")
    return figure


def _styles(count: int) -> list[dict[str, Any]]:
    """Colour and mark of each of `count` runs."""
    palette = "colorblind" if count <= _DISTINCT_COLOURS else "husl"
    colours = seaborn.color_palette(palette, count)
    return [
        {"color": colour, "marker": RUN_MARKERS[index % len(RUN_MARKERS)], "markersize": 5, "linewidth": 1.5}
        for index, colour in enumerate(colours)
    ]


def _plain(name: str) -> str:
    """A name fit for drawing: short, without formulas, and without a first sign that hides it in legends."""
    short = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME // 2 - 1]}…{name[-_MAX_NAME // 2 :]}"
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


def _show_second_halves(axis: Axes) -> None:
    """Cut the y axis to the range of the second half of each line."""
    heights = [np.asarray(line.get_ydata(), np.float64) for line in axis.lines]
    ends = [points[len(points) // 2 :] for points in heights]
    shown = np.concatenate(ends) if ends else np.empty(0)
    if len(shown):
        margin = 0.08 * float(np.ptp(shown)) + 0.002 * float(np.abs(shown).max()) + 1e-3
        axis.set_ylim(float(shown.min()) - margin, float(shown.max()) + margin)
