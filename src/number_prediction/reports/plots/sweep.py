"""A sweep with a finished trial -> figures, which the caller shows or saves. Needs the extra `train`.

Axes of accuracy are cut: trials that learned next to nothing are at the lower edge or left out.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from number_prediction.reports.plots.evaluation import FIRST_COLOUR, SECOND_COLOUR, open_axes
from number_prediction.runs.sweep import Dimension, Sweep, Trial

COLUMNS = 3


def history(sweep: Sweep, *, ax: Axes | None = None) -> Figure:
    """Accuracy of each trial in order, and the best so far."""
    figure, axis = open_axes(ax, (8, 3.6))
    lowest = _cut(axis, sweep)
    for outcome, mark, colour in (("finished", "o", FIRST_COLOUR), ("stopped early", "x", "0.55")):
        shown = [trial for trial in sweep.trials if trial.outcome == outcome]
        if shown:
            numbers = [trial.number for trial in shown]
            heights = np.maximum(_percent(shown), lowest)
            axis.plot(numbers, heights, mark, color=colour, label=outcome, clip_on=False)
    finished = sweep.finished
    best = np.maximum.accumulate(_percent(finished))
    axis.step(
        [trial.number for trial in finished], best, where="post", color=SECOND_COLOUR, label="best so far"
    )
    if sweep.own is not None:
        axis.axhline(
            _percent([sweep.own])[0], color="0.3", linestyle="--", linewidth=1, label="unchanged recipe"
        )
    axis.set(xlabel="trial", ylabel="validation accuracy in %", title="Trials in order (cut axis)")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def importance_bars(sweep: Sweep, *, ax: Axes | None = None) -> Figure:
    """How much of the variance of the accuracies each field explains."""
    names = list(sweep.importances)
    figure, axis = open_axes(ax, (8, 1 + 0.35 * len(names)))
    axis.barh(names, [100 * share for share in sweep.importances.values()], color=FIRST_COLOUR)
    axis.invert_yaxis()
    axis.set(xlabel="share of the variance of accuracy in %", title="Which fields matter")
    return figure


def slices(sweep: Sweep) -> Figure:
    """Accuracy of the finished trials over each field, the best trial and the recipe's own value marked."""
    rows = -(-len(sweep.dimensions) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).ravel()
    for axis in axes[len(sweep.dimensions) :]:
        axis.set_axis_off()
    for axis, dimension in zip(axes, sweep.dimensions, strict=False):
        _slice(axis, sweep, dimension)
    figure.supylabel("validation accuracy in % (cut axes)")
    return figure


def _slice(axis: Axes, sweep: Sweep, dimension: Dimension) -> None:
    finished = sweep.finished
    places = [trial.values[dimension.field] for trial in finished]
    axis.plot(places, _percent(finished), "o", color=FIRST_COLOUR, alpha=0.7)
    if sweep.best is not None:
        axis.plot(sweep.best.values[dimension.field], _percent([sweep.best])[0], "D", color=SECOND_COLOUR)
    axis.axvline(sweep.usual[dimension.field], color="0.3", linestyle="--", linewidth=1)
    if dimension.is_log:
        axis.set_xscale("log")
    axis.set_xlim(dimension.low, dimension.high)
    _cut(axis, sweep)
    axis.set(xlabel=dimension.field.replace("_", " "))


def _percent(trials: tuple[Trial, ...] | list[Trial]) -> list[float]:
    return [100 * (trial.accuracy or 0.0) for trial in trials]


def _cut(axis: Axes, sweep: Sweep) -> float:
    """Show the better three quarters of the finished trials and as much room below; returns the lower end."""
    shares = _percent(sweep.finished)
    best, quarter = max(shares), float(np.quantile(shares, 0.25))
    room = max(best - quarter, 0.05)
    lowest = max(0.0, quarter - room, min(shares) - 0.1 * room)
    axis.set_ylim(lowest, best + 0.15 * room)
    return lowest
