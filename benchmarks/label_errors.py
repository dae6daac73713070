"""The test labels that people rejected, and how many of them the ranking of suspicious labels finds.

    number-prediction labels --output runs/labels
    python benchmarks/label_errors.py runs/labels

The 15 are `mnist.REJECTED_TEST_LABELS`. Where the package cleanlab is installed, its ranking of the training
labels stands beside ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas

from number_prediction.datasets.label_errors import find_label_errors
from number_prediction.datasets.mnist import REJECTED_TEST_LABELS, load_mnist
from number_prediction.training.experiments.cross_validation import (
    divide_into_folds,
    out_of_fold_probabilities,
)

REJECTED = set(REJECTED_TEST_LABELS)
DEPTHS = (15, 30, 50, 100, 200)
FOLDS, SEED = 5, 0  # the defaults of number-prediction labels


def main() -> None:
    folder = Path(sys.argv[1])
    ranked = pandas.read_csv(folder / "labels_test.csv")["index"].tolist()
    for depth in DEPTHS:
        hits = len(REJECTED & set(ranked[:depth]))
        print(f"top {depth:3}: {hits:2} of 15, precision {hits / depth:.3f}, recall {hits / 15:.3f}")
    missed = sorted(REJECTED - set(ranked[:100]), key=ranked.index)
    print("not in the top 100, with their rank:", {index: ranked.index(index) + 1 for index in missed})
    compare_with_cleanlab(folder)


def compare_with_cleanlab(folder: Path) -> None:
    try:
        from cleanlab.filter import find_label_issues
    except ModuleNotFoundError:
        print("cleanlab is not installed; not compared")
        return
    train = load_mnist().train
    folds = divide_into_folds(train, FOLDS, seed=SEED)
    probabilities = out_of_fold_probabilities(folds, folder, train)
    ours = find_label_errors(train.labels, probabilities)
    labels = train.labels.astype(int)
    theirs = find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    both = (ours.is_suspect & theirs).sum()
    print(f"suspects in training: ours {ours.is_suspect.sum()}, cleanlab {theirs.sum()}, both {both}")
    options = {
        "filter_by": "confident_learning",
        "n_jobs": 1,
        "return_indices_ranked_by": "normalized_margin",
    }
    ranked = find_label_issues(labels, probabilities, **options)
    top = min(100, len(ranked))
    suspects = ours.ranking()[ours.is_suspect[ours.ranking()]]
    print(
        f"of the top {top} suspects of each, {len(np.intersect1d(ranked[:top], suspects[:top]))} are the same"
    )


if __name__ == "__main__":
    main()
