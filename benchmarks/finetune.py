"""A hand that the packaged model misreads: what `number-prediction finetune` makes of 40 drawings of it.

    python benchmarks/finetune.py FOLDER [MODEL] [--drawings 40]

The drawings, a 0 with a bar across and a 6 like a Greek delta, are written to FOLDER/hand, and 200 others,
which nothing is trained on, to FOLDER/new. Prints what the command prints, its time, and how many of the 200
are read.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.datasets.load import load_evaluation_split
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.digits import evaluate
from number_prediction.training.synthesis.pen import write
from number_prediction.training.synthesis.stroke_tables import Curve, Line, Writing

HAND: dict[int, Writing] = {
    0: (
        Curve((0.5, 0.03), (0.1, 0.3), (0.12, 0.75), (0.5, 0.97), (0.88, 0.72), (0.88, 0.28), (0.52, 0.03)),
        Line((0.0, 0.5), (1.0, 0.5)),
    ),
    6: (
        Curve(
            (0.9, 0.1),
            (0.5, 0.03),
            (0.3, 0.15),
            (0.85, 0.6),
            (0.7, 0.95),
            (0.2, 0.9),
            (0.15, 0.6),
            (0.5, 0.4),
        ),
    ),
}
"""A 0 with a bar across, and a 6 like a Greek delta."""
WIDEST = 9.0
"""Pixels of the widest pen."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--drawings", type=int, default=40)
    options = parser.parse_args()
    folder, model = options.folder, options.model
    draw(folder / "hand", options.drawings // len(HAND), seed=1)
    draw(folder / "new", 100, seed=2)
    command = [sys.executable, "-m", "number_prediction", "finetune", "hand", "--output", "adapted"]
    begun = time.perf_counter()
    adapted = ["--model", str(model.resolve())] if model else []
    subprocess.run([*command, *adapted], cwd=folder, check=True)
    seconds = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"the command took {seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of the processor's time"
    )
    new = load_evaluation_split(folder / "new", "train", divided=False)
    for name, predictor in (("before", Predictor(model)), ("after", Predictor(folder / "adapted"))):
        right = evaluate(predictor, new, name="new drawings").correct
        print(f"{name}: {right.sum()} of {len(right)} new drawings read")


def draw(folder: Path, count: int, *, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for digit, writing in HAND.items():
        inside = folder / str(digit)
        inside.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            ink = np.pad(write(writing, generator, widest=WIDEST), 8)
            Image.fromarray(255 - ink).save(inside / f"{index}.png")


if __name__ == "__main__":
    main()
