"""The other way to read a number: cut the line into digits and read each with the digit model.

    python benchmarks/segmentation.py DATA_DIR [--model RUN|MODEL.onnx]

The line's ink comes from the number graph, so that both ways see the same. It is cut where columns hold least
ink (over-segmentation); each piece between two cuts, of up to LONGEST pixels, is read by the digit model.
Dynamic programming chooses the pieces that together cover all ink and have the highest sum of the logarithm
of `is_digit` times probability, weighted by width (Fujisawa, Nakano, Kurino, 1992). Whole texts must be
right, as in real_numbers.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from real_numbers import compose, texts_of, trim

from number_prediction.digits.predictor import Predictor
from number_prediction.numbers.predictor import NumberPredictor

INKED = 0.25
SMALLEST, LONGEST = 2, 26
"""Pixels of the frame that a piece is wide."""
SPECK = 0.04
"""Ink of a piece, as a share of the line's mean digit, below which it is left out."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    lines, digits = NumberPredictor(options.model), Predictor()
    sets = {folder.name: texts_of(folder) for folder in sorted(options.folder.glob("numbers*"))}
    sets["composed, gaps"] = compose(np.random.default_rng(0), touching=False)
    sets["composed, touching"] = compose(np.random.default_rng(1), touching=True)
    print("| set | pictures | segmentation |\n|---|---|---|")
    for name, (pages, texts) in sets.items():
        right = [
            trim(read(frame, digits), name) == text
            for frame, text in zip(lines.run(pages).frames, texts, strict=True)
        ]
        print(f"| {name} | {len(pages):,} | {100 * np.mean(right):.2f}% |", flush=True)


def read(frame: NDArray[np.float32], digits: Predictor) -> str:
    """The digits of a line (40, 480) float32 in [0, 1]."""
    ink = frame.sum(0)
    marked = np.flatnonzero((frame > INKED).any(0))
    if not len(marked):
        return ""
    cuts = find_cuts(ink, int(marked[0]), int(marked[-1]) + 1)
    pieces = [
        (begin, end)
        for begin in range(len(cuts))
        for end in range(begin + 1, len(cuts))
        if SMALLEST <= cuts[end] - cuts[begin] <= LONGEST
    ]
    pages = [
        np.pad((255 * (1 - frame[:, cuts[begin] : cuts[end]])).astype(np.uint8), 4, constant_values=255)
        for begin, end in pieces
    ]
    answer = digits.run(pages)
    best = answer.probabilities.max(1) * np.clip(answer.is_digit, 1e-3, 1)
    blank = np.array([(frame[:, cuts[begin] : cuts[end]] > INKED).sum() == 0 for begin, end in pieces])
    ink_of = np.array([ink[cuts[begin] : cuts[end]].sum() for begin, end in pieces])
    is_speck = ink_of < SPECK * ink.sum()
    scores = np.full(len(cuts), -np.inf)
    scores[0] = 0.0
    came: list[tuple[int, str]] = [(0, "")] * len(cuts)
    for (begin, end), share, label, empty, speck in zip(
        pieces, best, answer.probabilities.argmax(1), blank, is_speck, strict=True
    ):
        width = cuts[end] - cuts[begin]
        cost, glyph = (0.0, "") if empty or speck else (np.log(max(share, 1e-6)) * width, str(label))
        if scores[begin] + cost > scores[end]:
            scores[end], came[end] = scores[begin] + cost, (begin, glyph)
    text, place = "", len(cuts) - 1
    while place > 0:
        place, glyph = came[place]
        text = glyph + text
    return text


def find_cuts(ink: NDArray[np.float32], first: int, last: int) -> list[int]:
    """Columns with least ink about them, and the ends; none farther apart than half of LONGEST."""
    cuts = [first]
    for column in range(first + 1, last):
        around = ink[max(first, column - 2) : column + 3]
        is_valley = ink[column] <= around.min() + 1e-6 and column - cuts[-1] >= SMALLEST
        if is_valley or column - cuts[-1] >= LONGEST // 2:
            cuts.append(column)
    return [*cuts, last]


if __name__ == "__main__":
    main()
