"""One training by several processes of this machine: how much faster it is, and whether it learns as well.

    python benchmarks/scaling.py [--recipe cnn] [--epochs X] [--processes 1 2] [--seeds 3] [--data mnist]
        [--log]

Each run is `number-prediction train` under torchrun, with the cores divided among its processes, and is
measured on the test part by `number-prediction evaluate`. Runs of different numbers of processes take turns,
since the speed of a machine drifts. Prints for each number the median seconds of training without validation,
and the mean accuracy; with --log they go into LOG.md and scaling.csv too.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from trainings import add_to_log, positive

from number_prediction.machine import usable_cores
from number_prediction.runs.run import Run

TABLE = Path(__file__).with_name("scaling.csv")
"""What was measured last, for scripts/make_training.py."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--processes", type=positive, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=positive, default=3)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--log", action="store_true", help="add what comes out to LOG.md and scaling.csv")
    options = parser.parse_args()
    cores = usable_cores()
    rows = []
    seconds: dict[int, list[float]] = {count: [] for count in options.processes}
    accuracies: dict[int, list[float]] = {count: [] for count in options.processes}
    for seed in range(options.seeds):
        for count in options.processes:
            threads = max(1, cores // count)
            with tempfile.TemporaryDirectory() as folder:
                run = Run(Path(folder) / "run")
                train = ["train", options.recipe, "--data", options.data, "--seed", str(seed)]
                train += ["--threads", str(threads), "--output", str(run.folder)]
                if options.epochs is not None:
                    train += ["--epochs", str(options.epochs)]
                call(train, processes=count)
                call(["evaluate", str(run.folder), "--no-analysis"])
                metrics = json.loads((run.evaluation_folder("test") / "metrics.json").read_text())
                seconds[count].append(run.records()[-1].seconds)
                accuracies[count].append(metrics["summary"]["accuracy"])
            row = options.recipe, count, threads, seed, round(seconds[count][-1], 1), accuracies[count][-1]
            rows.append(row)
            print(
                f"seed {seed}, {count} processes of {threads} threads: {row[4]} s, {100 * row[5]:.2f}%",
                flush=True,
            )
    title = f"{options.recipe} in several processes, {options.seeds} seeds, {cores} cores"
    print(title)
    first = statistics.median(seconds[options.processes[0]])
    lines = []
    for count in options.processes:
        taken = statistics.median(seconds[count])
        accuracy = statistics.fmean(accuracies[count])
        spread = f"{min(seconds[count]):.1f} to {max(seconds[count]):.1f}"
        lines.append(
            f"{count} processes: {taken:.1f} s ({spread}), {first / taken:.2f} times as fast, "
            f"{100 * accuracy:.3f}%"
        )
    print("\n".join(lines))
    if options.log:
        add_to_log(title, "\n".join(["```", *lines, "```"]), f"{cores} cores divided among the processes")
        with TABLE.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("recipe", "processes", "threads", "seed", "seconds", "accuracy"))
            writer.writerows(rows)


def call(arguments: list[str], *, processes: int = 1) -> None:
    """Run a command of number_prediction, under torchrun where it is to have several processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "number_prediction", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
