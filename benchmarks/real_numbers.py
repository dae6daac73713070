"""Numbers of real people, and composed ones: whole texts read exactly right, beside Tesseract and RapidOCR.

(A file numbers.py beside scripts would hide Python's own module of that name from them.)

    python benchmarks/real_numbers.py DATA_DIR [--model RUN|MODEL.onnx] [--size base|small]

DATA_DIR holds sets as real_sets.py describes; those whose name begins with "numbers" are lines of writing,
and own_digits is read as numbers of one digit. Pictures are read as they are, and nothing is known of the
number; in a second column it is known that all are digits. Tesseract (the program tesseract) and RapidOCR
(the package rapidocr) stand beside ours where they are installed; where nothing is known, RapidOCR may choose
from OTHERS_FREE. A comma counts as a point, and a point at the end does not count. Composed strings
are MNIST test digits side by side, with gaps of 1 to 10 pixels, or pushed together until they touch.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from real_sets import DIGITS, load, rapidocr_lattices

from number_prediction.constraints.constraint import Constraint, regex
from number_prediction.datasets.mnist import load_mnist
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.metrics import coverage_curve
from number_prediction.evaluation.numbers import edit_distance
from number_prediction.images.decode import Page
from number_prediction.numbers.predictor import NumberPredictor

SEED = 0
COMPOSED = 500
"""Strings of each kind."""
WANTED = 0.99
OTHERS_FREE = "0123456789.,-/"
"""Characters that RapidOCR chooses from where nothing is known of the number."""
INKED = 64

Readings = list[tuple[str, float]]
"""Texts and their confidence."""
Reader = Callable[[list[Page]], Readings]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", choices=["base", "small"], default="base")
    options = parser.parse_args()
    predictor = NumberPredictor(options.model, size=options.size)
    sets = {folder.name: texts_of(folder) for folder in sorted(options.folder.glob("numbers*"))}
    composed = {
        "composed, gaps": compose(np.random.default_rng(SEED), touching=False),
        "composed, touching": compose(np.random.default_rng(SEED + 1), touching=True),
    }
    free, digits = "number_prediction", "number_prediction, digits"
    readers: dict[str, Reader] = {
        free: lambda pages: read_numbers(predictor, pages),
        digits: lambda pages: read_numbers(predictor, pages, regex("[0-9]*")),
    }
    if shutil.which("tesseract"):
        readers["Tesseract, digits"] = tesseract
    else:
        print("tesseract is not installed: left out")
    try:
        readers["RapidOCR"] = rapid_ocr(OTHERS_FREE)
        readers["RapidOCR, digits"] = rapid_ocr("".join(DIGITS))
    except ImportError:
        print("rapidocr is not installed: left out")
    print("\n| set | pictures | " + " | ".join(f"{name} | errors a character" for name in readers) + " |")
    print("|---|---|" + "---|---|" * len(readers))
    ours: dict[str, list[tuple[float, bool]]] = {free: [], digits: []}
    for name, (pages, texts) in {**sets, **composed}.items():
        cells = []
        for reader, read in readers.items():
            said = [(normalise(text), confidence) for text, confidence in read(pages)]
            right = [text == wanted for (text, _), wanted in zip(said, texts, strict=True)]
            wrong = sum(edit_distance(text, wanted) for (text, _), wanted in zip(said, texts, strict=True))
            cells.append(f"{100 * np.mean(right):.2f}% | {wrong / sum(map(len, texts)):.4f}")
            if reader in ours and name in sets:
                ours[reader] += [(confidence, ok) for (_, confidence), ok in zip(said, right, strict=True)]
        print(f"| {name} | {len(pages):,} | " + " | ".join(cells) + " |", flush=True)
    for reader, answers in ours.items():
        confidence, right = (np.array(column) for column in zip(*answers, strict=True))
        coverage, threshold = coverage_curve(confidence, right).at_accuracy(WANTED)
        print(
            f"\n{reader}, real sets pooled: coverage at {WANTED} accuracy {coverage:.4f}, "
            f"from confidence {threshold:.4f}"
        )
    single_digits(predictor, options.folder / "own_digits")
    latency(NumberPredictor(options.model, size=options.size, threads=1), next(iter(sets.values()))[0])


def texts_of(folder: Path) -> tuple[list[Page], list[str]]:
    pages, rows = load(folder)
    return pages, [normalise(row["label"]) for row in rows]


def normalise(text: str) -> str:
    """A text with points for commas, and none at its end."""
    return text.replace(",", ".").rstrip(".")


def compose(random: np.random.Generator, *, touching: bool) -> tuple[list[Page], list[str]]:
    test = load_mnist().test
    pages, texts = [], []
    for _ in range(COMPOSED):
        chosen = random.integers(len(test.labels), size=random.integers(2 if touching else 1, 9))
        line = np.zeros((44, 28 * 8 + 120), np.uint8)
        end = 8
        for index in chosen:
            digit = test.images[index]
            columns = np.flatnonzero((digit > INKED).any(0))
            digit = digit[:, columns[0] : columns[-1] + 1]
            top = 8 + int(random.integers(-1, 2))
            if end == 8:
                left = end
            elif touching:
                left = meet(line[top : top + 28], digit, end)
            else:
                left = end + int(random.integers(1, 11))
            part = line[top : top + 28, left : left + digit.shape[1]]
            np.maximum(part, digit, out=part)
            end = max(end, left + digit.shape[1])
        pages.append(255 - line[:, : end + 8])
        texts.append("".join(str(label) for label in test.labels[chosen]))
    return pages, texts


def meet(line: NDArray[np.uint8], digit: NDArray[np.uint8], end: int) -> int:
    """The rightmost column at which the digit touches what is written, at most half of it on top."""
    for left in range(end - 1, end - digit.shape[1] // 2, -1):
        there = line[:, left : left + digit.shape[1]] > INKED
        grown = there.copy()
        grown[:, 1:] |= there[:, :-1]
        if (grown & (digit > INKED)).any():
            return left
    return end - 1


def read_numbers(
    predictor: NumberPredictor, pages: list[Page], constraint: Constraint | None = None
) -> Readings:
    return [(number.text or "", number.confidence) for number in predictor.predict_numbers(pages, constraint)]


def tesseract(pages: list[Page]) -> Readings:
    readings = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.png"
        for page in pages:
            Image.fromarray(page).save(path)
            command = ["tesseract", path, "-", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789"]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            readings.append(("".join(said.split()), 1.0))
    return readings


def rapid_ocr(characters: str) -> Reader:
    steps_of = rapidocr_lattices(characters)

    def read(pages: list[Page]) -> Readings:
        found = [decode(steps_of(page), ("", *characters))[0] for page in pages]
        return [(reading.text or "", reading.confidence) for reading in found]

    return read


def single_digits(predictor: NumberPredictor, folder: Path) -> None:
    pages, texts = texts_of(folder)
    numbers = read_numbers(predictor, pages)
    as_numbers = np.mean([text == wanted for (text, _), wanted in zip(numbers, texts, strict=True)])
    digits = Predictor().predict_digits(pages)
    as_digits = np.mean([digit.text == wanted for digit, wanted in zip(digits, texts, strict=True)])
    print(f"own_digits as numbers {100 * as_numbers:.2f}%, as digits {100 * as_digits:.2f}%")


def latency(predictor: NumberPredictor, pages: list[Page]) -> None:
    seconds = []
    for page in pages[:300]:
        began = time.perf_counter()
        predictor.predict_numbers([page])
        seconds.append(time.perf_counter() - began)
    p50, p95 = 1000 * np.percentile(seconds, [50, 95])
    print(f"one line, warm, one thread: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main()
