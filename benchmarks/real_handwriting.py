"""Digits of real people from outside MNIST, and pictures that are none: the table of the README.

    python benchmarks/real_handwriting.py DATA_DIR [--model RUN|MODEL.onnx ...] [--cnn RUN]

DATA_DIR holds one folder a set: labels.csv (columns file and label first) with pictures beside it, or with
data.npz (`images`). Sets whose name begins with "ood" hold no digits; those that begin with "numbers" are
left out. Pictures are read as they are. An abstention counts as wrong; in brackets stand the share of right
answers when the model must answer (a blank page is still wrong) and the 95% Wilson interval. With --cnn, a
plain network stands beside ours, once with every picture merely resized to 28x28, once behind our
preparation. If the package rapidocr is installed, so does its recogniser, restricted to one digit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from real_sets import DIGITS, load, rapidocr_lattices
from sklearn.metrics import roc_auc_score

from number_prediction.decoding.lattice import read_lattice, score
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.metrics import reliability, wilson_interval
from number_prediction.evaluation.network import Network
from number_prediction.images.decode import Page

LOOKALIKES = ("slash", "z", "dot")
"""Symbols that look like digits."""
SURE = 0.99


@dataclass(frozen=True)
class Answers:
    """What a model says of N pictures."""

    labels: NDArray[np.intp]
    confidence: NDArray[np.float32]
    is_digit: NDArray[np.float32]
    answered: NDArray[np.bool_]
    """Where it does not abstain."""

    def correct(self, rows: list[dict[str, str]]) -> NDArray[np.bool_]:
        return self.forced(rows) & self.answered

    def forced(self, rows: list[dict[str, str]]) -> NDArray[np.bool_]:
        """Right where it must answer."""
        wanted = np.array([int(row["label"]) for row in rows])
        return (self.labels == wanted) & (self.is_digit > 0)


Reader = Callable[[list[Page]], Answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, nargs="*", default=[None])
    parser.add_argument("--cnn", type=Path)
    options = parser.parse_args()
    sets = {path.parent.name: load(path.parent) for path in sorted(options.folder.glob("*/labels.csv"))}
    digits = {name: data for name, data in sets.items() if not name.startswith(("ood", "numbers"))}
    others = {name: data for name, data in sets.items() if name.startswith("ood")}
    if not digits:
        parser.error(f"{options.folder} holds no set of digits: a folder with labels.csv in it")
    ours: dict[str, Reader] = {
        "number_prediction" if path is None else str(path): framed(Predictor(path)) for path in options.model
    }
    readers = dict(ours)
    if options.cnn is not None:
        readers["plain CNN, resized"] = resized(Predictor(options.cnn))
        readers["plain CNN, framed"] = framed(Predictor(options.cnn))
    try:
        readers["RapidOCR, one digit"] = rapid_ocr()
    except ImportError:
        print("rapidocr is not installed: left out\n")
    accuracy_table(digits, readers)
    for name, reader in ours.items():
        print(f"\n{name}")
        trust(digits, others, reader)


def accuracy_table(
    digits: dict[str, tuple[list[Page], list[dict[str, str]]]], readers: dict[str, Reader]
) -> None:
    print("| set | pictures | " + " | ".join(readers) + " |")
    print("|---|---|" + "---|" * len(readers))
    shares: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    for name, (pages, rows) in digits.items():
        found = {reader: read(pages) for reader, read in readers.items()}
        right = {reader: (each.correct(rows), each.forced(rows)) for reader, each in found.items()}
        for reader, (correct, forced) in right.items():
            shares[reader].append((float(correct.mean()), float(forced.mean())))
        kinds = np.array([row.get("kind") or "" for row in rows])
        print_row(name, list(right.values()), np.ones(len(rows), bool))
        for kind in sorted(set(kinds) - {""}):
            print_row(f"{name}, {kind}", list(right.values()), kinds == kind)
    means = [np.mean(each, 0) for each in shares.values()]
    cells = [f"{100 * correct:.2f}% ({100 * forced:.2f}%)" for correct, forced in means]
    print(f"| macro | {sum(len(rows) for _, rows in digits.values()):,} | " + " | ".join(cells) + " |")


def print_row(
    name: str, answers: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]], chosen: NDArray[np.bool_]
) -> None:
    cells = []
    for correct, forced in answers:
        low, high = wilson_interval(int(correct[chosen].sum()), int(chosen.sum()))
        cells.append(
            f"{100 * correct[chosen].mean():.2f}% ({100 * forced[chosen].mean():.2f}%; "
            f"{100 * low:.1f} to {100 * high:.1f})"
        )
    print(f"| {name} | {chosen.sum():,} | " + " | ".join(cells) + " |", flush=True)


def trust(
    digits: dict[str, tuple[list[Page], list[dict[str, str]]]],
    others: dict[str, tuple[list[Page], list[dict[str, str]]]],
    read: Reader,
) -> None:
    """When our own model can be trusted: non-digits, calibration, coverage."""
    known = [(read(pages), rows) for pages, rows in digits.values()]
    is_digit = np.concatenate([answers.is_digit for answers, _ in known])
    correct = np.concatenate([answers.correct(rows) for answers, rows in known])
    confidence = np.concatenate([answers.confidence for answers, _ in known])
    answered = np.concatenate([answers.answered for answers, _ in known])
    print(f"real digits kept: {answered.mean():.4f}")
    accepted = []
    for name, (pages, rows) in others.items():
        found = read(pages)
        alike = np.array([row["label"] in LOOKALIKES for row in rows])
        for title, chosen in ((name, ~alike), (f"{name}, look-alikes", alike)):
            if chosen.any():
                truth = np.concatenate([np.ones(len(is_digit)), np.zeros(int(chosen.sum()))])
                area = roc_auc_score(truth, np.concatenate([is_digit, found.is_digit[chosen]]))
                share = found.answered[chosen].mean()
                print(f"{title}: AUROC {area:.4f}, accepted {share:.4f} of {int(chosen.sum()):,}")
        accepted.append(found.answered[~alike])
    if accepted:
        print(f"non-digits without look-alikes accepted: {np.concatenate(accepted).mean():.4f}")
    error = reliability(confidence[answered], correct[answered]).expected_calibration_error
    print(f"ECE of what is answered, pooled: {error:.4f}")
    sure = answered & (confidence >= SURE)
    print(f"accuracy at confidence {SURE} and more: {correct[sure].mean():.4f}, coverage {sure.mean():.4f}")


def framed(predictor: Predictor) -> Reader:
    def read(pages: list[Page]) -> Answers:
        answer = predictor.run(pages)
        answered = answer.is_digit >= predictor.threshold
        return Answers(answer.probabilities.argmax(1), answer.probabilities.max(1), answer.is_digit, answered)

    return read


def resized(predictor: Predictor) -> Reader:
    """As most public projects do: 28x28, ink taken to be dark, no framing."""
    network = Network(predictor)

    def read(pages: list[Page]) -> Answers:
        small = [
            np.asarray(Image.fromarray(page).resize((28, 28), Image.Resampling.BILINEAR)) for page in pages
        ]
        probabilities = network.probabilities((255 - np.stack(small)).astype(np.float32) / 255)
        return always_answers(probabilities)

    return read


def always_answers(probabilities: NDArray[np.float32]) -> Answers:
    ones = np.ones(len(probabilities), np.float32)
    return Answers(probabilities.argmax(1), probabilities.max(1), ones, ones > 0)


def rapid_ocr() -> Reader:
    """RapidOCR's recogniser, told that there is exactly one digit: of the blank and the ten digits alone."""
    steps_of = rapidocr_lattices()

    def read(pages: list[Page]) -> Answers:
        shares = []
        for page in pages:
            lattice = read_lattice(steps_of(page), ("", *DIGITS))
            logs = score(lattice, DIGITS)
            shares.append(np.exp(logs - np.logaddexp.reduce(logs)))
        return always_answers(np.stack(shares))

    return read


if __name__ == "__main__":
    main()
