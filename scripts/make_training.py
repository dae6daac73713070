"""Make docs/images/training.png: accuracy against training time and size; what processes gain.

    python -m scripts.make_training

The rows of benchmarks/trainings.csv come from `python benchmarks/time_to_accuracy.py` and `accuracy.py`;
those of scaling.csv from `scaling.py --log`. Seeds of `micro`, `tiny` and `best` were trained side by side.
Their seconds are those of a seed that ran alone (for `best`, processor time). `resnet` was measured before
the table existed; see benchmarks/LOG.md.
"""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.pictures import IMAGES

TABLE = Path(__file__).parents[1] / "benchmarks" / "trainings.csv"
SCALING = TABLE.with_name("scaling.csv")
FILLED_THREADS = "2"
"""Points of trainings with this number of threads are filled, all others hollow."""
NAMED_ON_THE_LEFT = ("fast", "cnn", "resnet", "pytorch")
"""Points with their name to the left, where there is space."""
NAMED_BELOW = ("mlp", "student-mlp", "tuomaso, GPU", "An et al., M3", "ruslangrimov", "School of AI")
"""Points with their name below."""
OURS, PEERS, PUBLISHED = "#2458a6", "#888888", "#c2571a"


class Anchor(NamedTuple):
    """A published result; docs/benchmarks.md names source and conditions."""

    name: str
    accuracy: float
    """Test accuracy in per cent."""
    parameters: int
    seconds: float | None
    """Training time; None if it was not published."""
    is_chosen: bool
    """Whether it is the best epoch on the test images, not the last one."""


ANCHORS = (
    Anchor("tuomaso, GPU", 99.041, 215_194, 0.76, False),
    Anchor("An et al., M3", 99.699, 1_124_180, None, False),
    Anchor("ruslangrimov", 99.13, 1_936, None, True),
    Anchor("School of AI", 99.52, 7_918, None, True),
)


def main() -> None:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(12.5, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(4, 1))
    by_time, by_size = left.subplots(1, 2, sharey=True)
    most_seeds = {row["name"]: row for row in sorted(rows, key=lambda row: int(row["seeds"]))}
    for row in rows:
        is_ours = row["name"] not in ("pytorch-example", "student-mlp")
        accuracy, color = 100 * float(row["accuracy"]), OURS if is_ours else PEERS
        spread = 100 * float(row["deviation"] or 0)
        places = [(by_time, float(row["seconds"]))]
        if row is most_seeds[row["name"]]:
            places.append((by_size, float(row["parameters"])))
        for axis, value in places:
            face = color if axis is by_size or row["threads"] == FILLED_THREADS else "white"
            axis.errorbar(value, accuracy, spread, fmt="o", color=color, markerfacecolor=face, capsize=2)
            label(axis, row["name"].removesuffix("-example"), value, accuracy, color)
    for anchor in ANCHORS:
        face = "none" if anchor.is_chosen else PUBLISHED
        for axis, where in ((by_time, anchor.seconds), (by_size, anchor.parameters)):
            if where is not None:
                axis.plot(where, anchor.accuracy, "s", color=PUBLISHED, markerfacecolor=face)
                label(axis, anchor.name, where, anchor.accuracy, PUBLISHED)
    by_time.set(
        xscale="log", xlabel="seconds of training; hollow: one thread", ylabel="MNIST test accuracy in %"
    )
    by_size.set(xscale="log", xlabel="parameters")
    for axis in (by_time, by_size):
        axis.grid(alpha=0.3)
        axis.margins(x=0.35, y=0.08)
    draw_scaling(right.subplots())
    figure.savefig(IMAGES / "training.png", dpi=110)


def draw_scaling(axis: Axes) -> None:
    """Seconds of one training with one and with several processes."""
    with SCALING.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    counts = sorted({int(row["processes"]) for row in rows})
    for count in counts:
        some = [row for row in rows if int(row["processes"]) == count]
        seconds = [float(row["seconds"]) for row in some]
        axis.plot([count] * len(seconds), seconds, "o", color=OURS)
        accuracy = 100 * statistics.fmean(float(row["accuracy"]) for row in some)
        axis.annotate(
            f"{accuracy:.2f}%",
            (count, max(seconds)),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axis.set(
        xticks=counts,
        xlim=(counts[0] - 0.6, counts[-1] + 0.6),
        ylim=(0, 1.2 * max(float(row["seconds"]) for row in rows)),
    )
    axis.set(xlabel=f"processes that train {rows[0]['recipe']}", ylabel="seconds")
    axis.grid(alpha=0.3)


def label(axis: Axes, text: str, x: float, y: float, color: str) -> None:
    """Write a name beside its point."""
    is_left = text in NAMED_ON_THE_LEFT
    axis.annotate(
        text,
        (x, y),
        (-5 if is_left else 6, -13 if text in NAMED_BELOW else 5),
        textcoords="offset points",
        ha="right" if is_left else "left",
        color=color,
        fontsize=9,
    )


if __name__ == "__main__":
    main()
