"""Make docs/training.png: accuracy by training time and by size, of ours and of others.

Ours, and the peers that were trained beside them, are the rows of benchmarks/trainings.csv, which
`python benchmarks/time_to_accuracy.py --log` and `accuracy.py --log` write.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

FIGURE = Path(__file__).with_name("training.png")
TABLE = Path(__file__).parents[1] / "benchmarks" / "trainings.csv"
THREADS = "2"
OURS, PEERS, PUBLISHED = "#2458a6", "#888888", "#c2571a"


class Anchor(NamedTuple):
    """What others have published; sources and conditions stand under the figure in docs/training.md."""

    name: str
    accuracy: float
    """In per cent."""
    parameters: int
    seconds: float | None
    """None where no time of training is given."""
    is_chosen: bool
    """The best epoch by the test images, not the last one."""


ANCHORS = (
    Anchor("tuomaso, GPU", 99.041, 215_194, 0.76, False),
    Anchor("An et al., M3", 99.699, 1_124_180, None, False),
    Anchor("ruslangrimov", 99.13, 1_936, None, True),
    Anchor("School of AI", 99.52, 7_918, None, True),
)


def main() -> None:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    by_time, by_size = figure.subplots(1, 2, sharey=True)
    for row in rows:
        is_ours = row["name"] not in ("pytorch-example", "student-mlp")
        accuracy, color = 100 * float(row["accuracy"]), OURS if is_ours else PEERS
        spread = 100 * float(row["deviation"] or 0)
        places = [(by_size, float(row["parameters"]))]
        if row["threads"] == THREADS:
            places.append((by_time, float(row["seconds"])))
        for axis, value in places:
            axis.errorbar(value, accuracy, spread, fmt="o", color=color, capsize=2)
            label(axis, row["name"], value, accuracy, color)
    for anchor in ANCHORS:
        face = "none" if anchor.is_chosen else PUBLISHED
        for axis, where in ((by_time, anchor.seconds), (by_size, anchor.parameters)):
            if where is not None:
                axis.plot(where, anchor.accuracy, "s", color=PUBLISHED, markerfacecolor=face)
                label(axis, anchor.name, where, anchor.accuracy, PUBLISHED)
    by_time.set(xscale="log", xlabel="seconds of training, two cores", ylabel="MNIST test accuracy in %")
    by_size.set(xscale="log", xlabel="parameters")
    for axis in (by_time, by_size):
        axis.grid(alpha=0.3)
        axis.margins(x=0.35, y=0.08)
    figure.savefig(FIGURE, dpi=110)


def label(axis: Axes, text: str, x: float, y: float, color: str) -> None:
    axis.annotate(text, (x, y), (6, 5), textcoords="offset points", color=color, fontsize=9)


if __name__ == "__main__":
    main()
