"""K-fold cross-validation: each training picture is judged by a network that was not trained on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.split import Split, Splits
from number_prediction.errors import DataError
from number_prediction.runs.run import Record, Run
from number_prediction.training.experiments.setup import open_run
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Folds:
    """A stratified division of N pictures into K folds."""

    assignment: NDArray[np.intp]
    """(N,) fold of each picture, from 0 to K - 1."""
    count: int

    def outside(self, fold: int) -> NDArray[np.intp]:
        """Indices of the pictures outside a fold, on which its network is trained."""
        return np.flatnonzero(self.assignment != fold)

    def inside(self, fold: int) -> NDArray[np.intp]:
        """Indices of the pictures of a fold, which its network judges."""
        return np.flatnonzero(self.assignment == fold)


def divide_into_folds(split: Split, count: int, *, seed: int) -> Folds:
    """Divide a split into folds with equal shares of each class.

    Raises:
        DataError: a class has fewer pictures than there are folds.
    """
    generator = np.random.default_rng(seed)
    assignment = np.empty(len(split), np.intp)
    for label, name in enumerate(split.classes):
        members = generator.permutation(np.flatnonzero(split.labels == label))
        if len(members) < count:
            raise DataError(
                f"class {name!r} has {len(members)} pictures, too few for {count} folds; use fewer --folds"
            )
        assignment[members] = np.arange(len(members)) % count
    return Folds(assignment, count)


def train_fold(
    folds: Folds,
    fold: int,
    splits: Splits,
    recipe: Recipe,
    folder: Path,
    *,
    data: str,
    seed: int,
    threads: int | None,
) -> Iterator[Record]:
    """Train the network of one fold in its own run, from its checkpoint if it has one."""
    run = open_run(recipe, fold_run(folder, fold).folder, data=data, seed=seed, threads=threads)
    yield from fit(run, splits._replace(train=splits.train.select(folds.outside(fold))))


def fold_run(folder: Path, fold: int) -> Run:
    """The run of one fold."""
    return Run(folder / f"fold-{fold}")


def out_of_fold_probabilities(folds: Folds, folder: Path, train: Split) -> NDArray[np.float32]:
    """Probabilities (N, C) of the training pictures, each by the network that was not trained on it."""
    probabilities = np.empty((len(train), len(train.classes)), np.float32)
    for fold in range(folds.count):
        inside = folds.inside(fold)
        probabilities[inside] = load_trained(fold_run(folder, fold)).probabilities(
            np.asarray(train.images)[inside]
        )
    return probabilities


def mean_probabilities(folds: Folds, folder: Path, split: Split) -> NDArray[np.float32]:
    """Mean probabilities (M, C) over all networks, for pictures that no network was trained on."""
    frames = np.asarray(split.images)
    each = [load_trained(fold_run(folder, fold)).probabilities(frames) for fold in range(folds.count)]
    return np.asarray(np.mean(each, axis=0), dtype=np.float32)
