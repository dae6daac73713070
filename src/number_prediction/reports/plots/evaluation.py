"""Figures of an evaluation: arrays in, Figure out, which the caller shows or saves.

A figure of one pair of axes is also drawn into given axes, `ax`; their figure is returned. Needs the extra
`train` (matplotlib and seaborn).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from number_prediction.datasets.split import Split
from number_prediction.evaluation.metrics import ClassScores, Coverage, Reliability
from number_prediction.runs.run import Record

FIRST_COLOUR, SECOND_COLOUR = "#2a6fbb", "#c4572e"


def open_axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """The given axes and their figure, or new ones of `size` in inches."""
    if ax is None:
        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.subplots()
    return (ax.figure.figure if isinstance(ax.figure, SubFigure) else ax.figure), ax


def image_grid(
    images: NDArray[np.generic],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 10,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Pictures (N, H, W) of any range, ink high, in a grid: dark ink on white, each with its title.

    `limits` are the values of paper and of full ink; by default each picture's own lowest and highest.
    """
    low, high = limits or (None, None)
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(columns * 0.95, rows * (1.2 if titles else 0.95)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for index, image in enumerate(images):
        axes[index].imshow(image, cmap="gray_r", vmin=low, vmax=high)
        if titles:
            axes[index].set_title(titles[index], fontsize=8)
    return figure


def class_distribution(parts: Mapping[str, Split], *, ax: Axes | None = None) -> Figure:
    """Bars of the share of each class in each part; `parts` maps a name to a split, all of one set."""
    figure, axis = open_axes(ax, (7, 3.2))
    width = 0.8 / len(parts)
    classes = next(iter(parts.values())).classes
    for index, (name, part) in enumerate(parts.items()):
        share = np.bincount(part.labels, minlength=len(classes)) / len(part)
        axis.bar(np.arange(len(classes)) + index * width, share, width, label=f"{name} ({len(part):,})")
    axis.set_xticks(np.arange(len(classes)) + 0.4 - width / 2, classes)
    axis.set(xlabel="class", ylabel="share of the part", title="Class distribution")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def learning_curves(records: Sequence[Record], *, axes: tuple[Axes, Axes] | None = None) -> Figure:
    """Training and validation loss, and validation accuracy, over the epochs of a run.

    `axes` are those of loss and accuracy; by default new ones.
    """
    if axes is None:
        figure = Figure(figsize=(9, 3.7), layout="constrained")
        loss_axis, accuracy_axis = figure.subplots(1, 2)
    else:
        loss_axis, accuracy_axis = axes
        figure, _ = open_axes(loss_axis, (0, 0))
    training = [record for record in records if record.loss is not None]
    validations = [record for record in records if record.validation_accuracy is not None]
    loss_axis.plot(
        [record.epoch for record in training],
        [record.loss or 0.0 for record in training],
        color=FIRST_COLOUR,
        label="training (augmented, smoothed labels)",
    )
    epochs = [record.epoch for record in validations]
    losses = [record.validation_loss or 0.0 for record in validations]
    loss_axis.plot(epochs, losses, "o-", color=SECOND_COLOUR, label="validation")
    loss_axis.set(xlabel="epoch", ylabel="loss", title="Loss", ylim=(0, None))
    loss_axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    shares = [100 * (record.validation_accuracy or 0.0) for record in validations]
    accuracy_axis.plot(epochs, shares, "o-", color=SECOND_COLOUR)
    last = f": {shares[-1]:.2f}%" if shares else ""
    accuracy_axis.set(xlabel="epoch", ylabel="accuracy in %", title=f"Validation accuracy{last}")
    if len(shares) == 1:
        accuracy_axis.set(xlim=loss_axis.get_xlim(), ylim=(shares[0] - 1, min(shares[0] + 1, 100)))
    return figure


def confusion_heatmap(
    confusion: NDArray[np.integer], classes: Sequence[str], *, ax: Axes | None = None
) -> Figure:
    """Confusion matrix (C, C) with its counts; the colours show errors."""
    size = max(5.5, 0.55 * len(classes))
    figure, axis = open_axes(ax, (size + 1, size))
    errors = confusion - np.diag(np.diag(confusion))
    seaborn.heatmap(
        confusion,
        vmax=max(1, int(errors.max())),
        annot=len(classes) <= 30,
        fmt="d",
        cmap="Blues",
        xticklabels=list(classes),
        yticklabels=list(classes),
        cbar_kws={"label": "pictures (the diagonal is off the scale)"},
        linewidths=0.5,
        ax=axis,
    )
    axis.set(xlabel="predicted", ylabel="true", title="Confusion matrix")
    return figure


def class_score_bars(scores: ClassScores, classes: Sequence[str], *, ax: Axes | None = None) -> Figure:
    """Precision and recall of each class."""
    figure, axis = open_axes(ax, (7, 3.2))
    position = np.arange(len(classes))
    axis.bar(position - 0.2, 100 * scores.precision, 0.4, label="precision", color=FIRST_COLOUR)
    axis.bar(position + 0.2, 100 * scores.recall, 0.4, label="recall", color=SECOND_COLOUR)
    lowest = 100 * min(scores.precision.min(), scores.recall.min())
    axis.set_ylim(max(0.0, lowest - 0.5 * (100 - lowest) - 0.1), 100)
    axis.set_xticks(position, classes)
    axis.set(xlabel="class", ylabel="%", title="Precision and recall by class (cut axis)")
    axis.legend(frameon=False, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def reliability_diagram(
    reliability: Reliability, before: Reliability | None = None, *, ax: Axes | None = None
) -> Figure:
    """Accuracy against confidence in bins of equal size; the diagonal is perfect calibration.

    `before` is the reliability without the temperature.
    """
    figure, axis = open_axes(ax, (4.6, 4.2))
    curves = {"model": (FIRST_COLOUR, reliability)}
    if before is not None:
        curves = {"before temperature": (SECOND_COLOUR, before), **curves}
    low = min(min(curve.confidence.min(), curve.accuracy.min()) for _, curve in curves.values())
    axis.plot([low, 1], [low, 1], "--", color="grey", linewidth=1, label="perfect")
    for name, (colour, curve) in curves.items():
        error = curve.expected_calibration_error
        axis.plot(curve.confidence, curve.accuracy, "o-", color=colour, label=f"{name} (ECE {error:.4f})")
    axis.set(xlabel="mean confidence", ylabel="accuracy", title="Reliability")
    axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure


def coverage_diagram(coverage: Coverage, *, ax: Axes | None = None) -> Figure:
    """Error rate of the accepted answers against the share of answers accepted."""
    figure, axis = open_axes(ax, (4.6, 4.2))
    axis.plot(100 * coverage.coverage, 100 * (1 - coverage.accuracy), color=FIRST_COLOUR)
    axis.set(
        xlabel="answers accepted, the most confident first, in %",
        ylabel="errors among them in %",
        title="Errors among accepted answers",
        xlim=(max(0.0, 100 * coverage.at_accuracy(1.0)[0] - 5), 100.2),
        ylim=(0, None),
    )
    return figure


def accuracy_comparison(accuracies: Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Figure:
    """Accuracy of each recipe in %: one dot per seed, a line at the mean."""
    figure, axis = open_axes(ax, (6.5, 3.2))
    for index, values in enumerate(accuracies.values()):
        axis.plot([index] * len(values), np.multiply(values, 100), "o", color=FIRST_COLOUR, alpha=0.6)
        axis.hlines(100 * np.mean(values), index - 0.25, index + 0.25, color=SECOND_COLOUR)
    axis.set_xticks(range(len(accuracies)), list(accuracies))
    axis.set_xlim(-0.5, len(accuracies) - 0.5)
    axis.set(ylabel="test accuracy in %", title="Accuracy by recipe: one dot per seed, a line at the mean")
    return figure
