"""Make docs/training.png: accuracy by training time and by size, of ours and of others; time by processes.

Ours, and the peers that were trained beside them, are the rows of benchmarks/trainings.csv, which
`python benchmarks/time_to_accuracy.py --log` and `accuracy.py --log` write; the time of several processes is
in scaling.csv, which `python benchmarks/scaling.py --log` writes.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

FIGURE = Path(__file__).with_name("training.png")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
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
    rows = [row for row in read("trainings.csv") if row["threads"] == THREADS]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    by_time, by_size, by_processes = figure.subplots(1, 3, width_ratios=(4, 4, 1))
    for row in rows:
        is_ours = row["name"] not in ("pytorch-example", "student-mlp")
        accuracy, color = 100 * float(row["accuracy"]), OURS if is_ours else PEERS
        spread = 100 * float(row["deviation"] or 0)
        for axis, value in ((by_time, float(row["seconds"])), (by_size, float(row["parameters"]))):
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
        axis.margins(x=0.15, y=0.08)
    scaling = read("scaling.csv")
    by_processes.bar(
        [row["processes"] for row in scaling], [float(row["seconds"]) for row in scaling], 0.6, color=OURS
    )
    by_processes.set(xlabel="processes", ylabel="seconds of training, cnn")
    figure.savefig(FIGURE, dpi=110)


def read(name: str) -> list[dict[str, str]]:
    with (BENCHMARKS / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def label(axis: Axes, text: str, x: float, y: float, color: str) -> None:
    axis.annotate(text, (x, y), (6, 5), textcoords="offset points", color=color, fontsize=9)


if __name__ == "__main__":
    main()
