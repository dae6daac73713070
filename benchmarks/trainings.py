"""What the benchmarks of training share: recipes trained over seeds, what came of each, the table, the log.

A folder holds what is finished: trainings.jsonl, a line a training or an epoch of a peer, and for each
training the answers to MNIST's test images, NAME-SEED.npy. Started again, a benchmark goes on with what is
missing.

Ours trains to its fixed end. Seconds are wall time from images in memory to final weights: normalisation,
augmentation, log and checkpoints are in them, imports and the final evaluation are not, nor is validation,
which decides nothing: ten pictures stand for it.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.errors import TrainingError
from number_prediction.files import write_atomically
from number_prediction.machine import describe_environment
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.memory import tune_process
from number_prediction.training.loop.tasks import compute_logits
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.recipes import Recipe, get_recipe

EXAMPLE = "pytorch-example"
FINISHED_FILE = "trainings.jsonl"
LOG = Path(__file__).with_name("LOG.md")
TABLE = Path(__file__).with_name("trainings.csv")
"""What was measured last of each recipe and peer, for scripts/make_training.py."""


@dataclass(frozen=True)
class Target:
    """What a recipe is for."""

    accuracy: float
    """Mean over the seeds, at least."""
    seconds: float = math.inf
    """Median, of two threads, at most."""
    times: float = 0.0
    """How many times longer the PyTorch example takes to the same accuracy, at least."""


TARGETS = {
    "fast": Target(0.990, 3, 150),
    "cnn": Target(0.995, 20),
    "mlp": Target(0.986, 20),
    "micro": Target(0.990),
    "tiny": Target(0.995),
    "best": Target(0.9972, 45 * 60),
}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A training that has ended, or an epoch of a peer that is looked at after each."""

    name: str
    seed: int
    epoch: int | None = None
    """Of a peer; None is the end of a training."""
    seconds: float
    accuracy: float
    parameters: int
    threads: int
    commit: str | None
    recipe: dict[str, Any] | None = None
    """What was trained; None for a peer."""


class Book:
    """What is finished, in a folder."""

    def __init__(self, folder: Path, *, threads: int, seeds: int) -> None:
        """Makes the folder where there is none; one of another number of threads ends the program.

        Trainings of seeds from `seeds` on are left alone. One whose answers are gone is not finished, nor is
        one of which only half a line was written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._file = folder, folder / FINISHED_FILE
        self._threads, self._seeds = threads, seeds
        lines = self._whole_lines()
        found = [Finished(**json.loads(line)) for line in lines]
        if any(each.threads != threads for each in found):
            sys.exit(f"{folder}: measured with another number of threads; choose another --output")
        last = {(each.name, each.seed, each.epoch): each for each in found if each.seed < seeds}
        self.finished = [
            each for each in last.values() if each.epoch or self._answers(each.name, each.seed).exists()
        ]

    def of(self, name: str) -> list[Finished]:
        """All that is finished of a recipe or a peer."""
        return [each for each in self.finished if each.name == name]

    def missing(self, recipe: Recipe) -> list[int]:
        """Seeds of a recipe that are still to be trained; one that was another recipe ends the program."""
        done = self.of(recipe.name)
        if any(each.recipe != json.loads(json.dumps(recipe.to_dict())) for each in done):
            sys.exit(
                f"{self._folder}: {recipe.name} was another recipe when it was measured; "
                "choose another --output"
            )
        return sorted(set(range(self._seeds)) - {each.seed for each in done})

    def add(
        self,
        name: str,
        seed: int,
        seconds: float,
        accuracy: float,
        parameters: int,
        *,
        epoch: int | None = None,
        recipe: Recipe | None = None,
    ) -> None:
        """Keep and tell what has ended."""
        new = Finished(
            name=name,
            seed=seed,
            epoch=epoch,
            seconds=seconds,
            accuracy=accuracy,
            parameters=parameters,
            threads=self._threads,
            commit=describe_environment()["commit"],
            recipe=None if recipe is None else recipe.to_dict(),
        )
        self.finished.append(new)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(new)) + "\n")
        place = f"seed {seed}" if epoch is None else f"epoch {epoch}"
        print(f"{name} {place}: {seconds:.2f} s, {100 * accuracy:.2f}%", flush=True)

    def forget(self, name: str) -> None:
        """Drop all that was measured of a peer."""
        self.finished = [each for each in self.finished if each.name != name]
        if self._file.exists():
            kept = [line + "\n" for line in self._whole_lines() if json.loads(line)["name"] != name]
            write_atomically(self._file, "".join(kept))

    def commits(self) -> list[str]:
        """From which something is finished, in their order."""
        return list(dict.fromkeys(str(each.commit) for each in self.finished))

    def _whole_lines(self) -> list[str]:
        """Of the file; what a killed benchmark left of one is cut off."""
        content = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        *lines, half = content.split("\n")
        if half:
            write_atomically(self._file, "".join(line + "\n" for line in lines))
        return lines

    def keep_answers(self, name: str, seed: int, probabilities: NDArray[np.float32]) -> None:
        """Of one training to the test images, (N, 10)."""
        np.save(self._answers(name, seed), probabilities)

    def _answers(self, name: str, seed: int) -> Path:
        return self._folder / f"{name}-{seed}.npy"

    def ensemble(self, name: str, labels: NDArray[Any]) -> float:
        """Accuracy of the mean answer of all seeds, where there are several."""
        paths = [self._answers(name, each.seed) for each in self.of(name) if each.epoch is None]
        if len(paths) < 2:
            return math.nan
        return float((np.mean([np.load(path) for path in paths], 0).argmax(1) == labels).mean())


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The options that the benchmarks of training have in common."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--recipes", type=_recipes, default="fast,cnn", help="names, separated by commas", dest="chosen"
    )
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--output", type=Path, required=True, help="folder of what is finished")
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="add the table to LOG.md and trainings.csv",
    )
    return parser


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    return natural(text, least=1)


def natural(text: str, least: int = 0) -> int:
    """A whole number of at least `least`, for argparse."""
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is less than {least}")
    return number


def _recipes(text: str) -> list[Recipe]:
    try:
        return [get_recipe(name) for name in dict.fromkeys(text.split(","))]
    except TrainingError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def load() -> Splits:
    """MNIST; and what torch imports when the first optimiser is made is imported."""
    torch.optim.SGD([torch.zeros(1)])
    return load_mnist()


def train(book: Book, splits: Splits, recipe: Recipe, seed: int, threads: int) -> None:
    """Train one seed of a recipe, measure it on the test part, and keep both."""
    shortened = splits._replace(validation=splits.validation.select(slice(0, 10)))
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(recipe, Path(folder), seed=seed, threads=threads)
        tune_process(threads)
        begun = time.perf_counter()
        for _ in fit(run, shortened):
            pass
        seconds = time.perf_counter() - begun
        network = load_trained(run).network
    logits, labels = compute_logits(network, splits.test, torch.device("cpu"))
    accuracy = float((logits.argmax(1) == labels).float().mean())
    book.keep_answers(recipe.name, seed, torch.softmax(logits, 1).numpy())
    parameters = sum(each.numel() for each in network.parameters())
    book.add(recipe.name, seed, seconds, accuracy, parameters, recipe=recipe)


@dataclass(frozen=True)
class Ratio:
    """How many times longer the PyTorch example takes to an accuracy than a training does."""

    times: float
    is_bound: bool
    """Whether the example never got there, and all of its time counts."""

    def __str__(self) -> str:
        return f"over {self.times:.0f}" if self.is_bound else f"{self.times:.0f}"


@dataclass(frozen=True)
class Row:
    """What the table says of a recipe or peer."""

    name: str
    parameters: int
    seconds: float
    """Median."""
    accuracy: float
    """Mean."""
    deviation: float
    seeds: int
    ensemble: float
    """Accuracy of the mean answer of all seeds."""
    ratio: Ratio | None
    """To its own mean accuracy; None where the example was not trained beside it."""
    ratio_to_target: Ratio | None
    """To the accuracy that the recipe is for."""

    def misses(self) -> list[str]:
        """What of its target the recipe misses."""
        target, missed = TARGETS.get(self.name), []
        if target is None:
            return missed
        if self.accuracy < target.accuracy:
            missed.append(f"{100 * self.accuracy:.3f}% is less than {100 * target.accuracy:g}%")
        if self.seconds > target.seconds:
            missed.append(f"{self.seconds:.1f} s is more than {target.seconds:g} s")
        if self.ratio is not None and self.ratio.times < target.times:
            missed.append(f"{self.ratio.times:.0f} times is less than {target.times:g} times the example")
        return [f"{self.name} misses its target: {each}" for each in missed]


def summarise(book: Book, names: Iterable[str], labels: NDArray[Any]) -> list[Row]:
    """A row for each name of which something is finished; `labels` (N,) are those of the test images.

    The example's is its last epoch.
    """
    curve = book.of(EXAMPLE)
    rows = []
    for name in names:
        done = curve[-1:] if name == EXAMPLE else book.of(name)
        if not done:
            continue
        accuracies = [each.accuracy for each in done]
        seconds, accuracy = statistics.median(each.seconds for each in done), statistics.fmean(accuracies)
        rows.append(
            Row(
                name,
                done[0].parameters,
                seconds,
                accuracy,
                statistics.stdev(accuracies) if len(done) > 1 else math.nan,
                len(done),
                book.ensemble(name, labels),
                _ratio(curve, seconds, accuracy),
                _ratio(curve, seconds, TARGETS[name].accuracy) if name in TARGETS else None,
            )
        )
    return rows


def _ratio(curve: Sequence[Finished], seconds: float, accuracy: float) -> Ratio | None:
    """Time of the example to an accuracy by that of a training; `curve` are its epochs, if it was run."""
    if not curve:
        return None
    reached = [each.seconds for each in curve if each.accuracy >= accuracy]
    return Ratio((reached or [curve[-1].seconds])[0] / seconds, is_bound=not reached)


def to_table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| name | parameters | seconds, median | accuracy, mean | sd | seeds | all seeds as one | "
        "times the example | the same to its target |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        several = (f"{100 * row.deviation:.3f}", f"{100 * row.ensemble:.2f}%") if row.seeds > 1 else ("", "")
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.seconds:.2f} | {100 * row.accuracy:.3f}% | "
            f"{several[0]} | {row.seeds} | {several[1]} | {row.ratio or ''} | {row.ratio_to_target or ''} |"
        )
    return "\n".join(lines)


def conclude(
    title: str, book: Book, rows: Sequence[Row], remarks: Sequence[str], options: argparse.Namespace
) -> None:
    """Print the table, log it unless told not to, and end with 1 where a recipe misses its target."""
    commits = book.commits()
    if len(commits) > 1:
        remarks = [*remarks, f"Trained at several commits: {', '.join(commits)}."]
    missed = [line for row in rows for line in row.misses()]
    text = "\n".join(["", to_table(rows), "", *remarks, *missed])
    print(text.rstrip())
    if options.log:
        add_to_log(title, text.strip(), f"{options.threads} threads")
        keep_rows(rows, options.threads)
    if missed:
        sys.exit(1)


def add_to_log(title: str, text: str, conditions: str) -> None:
    """Put an entry on top of LOG.md, below its heading, with command, commit and processor."""
    environment = describe_environment()
    heading, _, entries = LOG.read_text(encoding="utf-8").partition("\n## ")
    entry = (
        f"## {time.strftime('%Y-%m-%d')}: {title}\n\n"
        f"`python {_own_command()}`, commit {environment['commit']}, {environment['processor']}, "
        f"{conditions}:\n\n{text}\n"
    )
    write_atomically(LOG, f"{heading}\n{entry}\n## {entries}")


def _own_command() -> str:
    """As it can be run elsewhere: folders by their full path are called DIR."""
    words = ["DIR" if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *words])


def keep_rows(rows: Sequence[Row], threads: int) -> None:
    """Put rows into trainings.csv, in the place of those of the same name and threads."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    if TABLE.exists():
        with TABLE.open(encoding="utf-8", newline="") as stream:
            kept = {(row["name"], row["threads"]): row for row in csv.DictReader(stream)}
    for row in rows:
        kept[row.name, str(threads)] = {
            "name": row.name,
            "threads": threads,
            "parameters": row.parameters,
            "seconds": round(row.seconds, 2),
            "accuracy": round(row.accuracy, 6),
            "deviation": "" if math.isnan(row.deviation) else round(row.deviation, 6),
            "seeds": row.seeds,
        }
    with TABLE.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, next(iter(kept.values())), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept.values())
