"""What constraints repair, and how long decoding takes.

    python benchmarks/decoding.py

300 numbers of eight digits are composed of the answers of the model in the package to MNIST test digits, one
of the eight among those that it misreads: lattices of 100 time steps, a peak of three steps for each digit.
Prints the share of numbers read right and the median processor time of a number, for each constraint; then
the time for lattices that are hard: long, noisy, and with large automata.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.constraints.checksums import iban_digits, luhn
from number_prediction.constraints.constraint import Constraint, length, one_of, regex, satisfies
from number_prediction.constraints.values import number_range
from number_prediction.datasets.mnist import load_mnist
from number_prediction.decoding.assignment import assign
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor

NUMBERS, DIGITS, CLASS_SIZE = 300, 8, 30
STEPS = 100
PEAK = (0.5, 0.97, 0.4)
BLANK = 0.995


def main() -> None:
    generator = np.random.default_rng(0)
    test = load_mnist().test
    answers = Predictor().run(test.images).probabilities
    misread = np.flatnonzero(answers.argmax(1) != test.labels)
    print(f"{len(misread)} of {len(answers):,} digits are misread")
    texts, lattices = [], []
    for _ in range(NUMBERS):
        chosen = generator.integers(0, len(answers), DIGITS)
        chosen[generator.integers(0, DIGITS - 1)] = generator.choice(misread)
        body = "".join(map(str, test.labels[chosen[:-1]]))
        check = next(digit for digit in range(10) if luhn().allows(f"{body}{digit}"))
        chosen[-1] = generator.choice(np.flatnonzero(test.labels == check))
        texts.append(f"{body}{check}")
        lattices.append(compose(answers[chosen], STEPS))
    eight, card, roster = length(DIGITS), luhn() & length(DIGITS), one_of(texts)
    known: dict[str, Callable[[str], Constraint | None]] = {
        "nothing": lambda _: None,
        "length(8)": lambda _: eight,
        "regex, first two digits known": lambda text: regex(rf"{text[:2]}\d{{6}}"),
        "number_range, within 5%": lambda text: number_range(int(text) * 0.95 // 1, int(text) * 1.05 // 1),
        "luhn() & length(8)": lambda _: card,
        "satisfies, sum of digits mod 7": lambda text: satisfies(has_sum(text)) & eight,
        "one_of, 300 numbers": lambda _: roster,
    }
    print("\n| known | read right | proven the best | median ms |\n|---|---|---|---|")
    for name, constrain in known.items():
        right, exact, times = 0, 0, []
        for text, lattice in zip(texts, lattices, strict=True):
            constraint = constrain(text)
            start = time.process_time()
            reading = decode(lattice, GLYPHS, constraint)[0]
            times.append(time.process_time() - start)
            right += reading.text == text
            exact += reading.is_exact
        ms = np.median(times) * 1000
        print(f"| {name} | {right / NUMBERS:.1%} | {exact / NUMBERS:.1%} | {ms:.1f} |", flush=True)
    right, times = 0, []
    for begin in range(0, NUMBERS, CLASS_SIZE):
        part = slice(begin, begin + CLASS_SIZE)
        start = time.process_time()
        assignment = assign(lattices[part], texts[part])
        times.append((time.process_time() - start) / CLASS_SIZE)
        right += sum(one.text == text for one, text in zip(assignment.readings, texts[part], strict=True))
    print(f"| assign, classes of {CLASS_SIZE} | {right / NUMBERS:.1%} | | {np.median(times) * 1000:.1f} |")

    print("\n| lattice | ms |\n|---|---|")
    clean = compose(answers[:DIGITS], 400)
    noise = generator.dirichlet([10, *[0.2] * (len(GLYPHS) - 1)], STEPS).astype(np.float32)
    flat = generator.dirichlet(np.ones(len(GLYPHS)), STEPS).astype(np.float32)
    account = compose(answers[:20], 200)
    for name, lattice, constraint in (
        ("8 digits, 400 steps", clean, None),
        ("8 digits, 400 steps, length(8)", clean, eight),
        ("noise, 100 steps", noise, None),
        ("flat, 100 steps", flat, None),
        ('20 digits, 200 steps, iban_digits("DE")', account, iban_digits("DE")),
    ):
        start = time.process_time()
        reading = decode(lattice, GLYPHS, constraint)[0]
        proven = "" if reading.is_exact else " (not proven)"
        print(f"| {name}{proven} | {(time.process_time() - start) * 1000:.1f} |")


def compose(answers: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """The lattice (steps, G) of digits (N, 10), evenly spaced, blanks between."""
    lattice = np.full((steps, len(GLYPHS)), (1 - BLANK) / (len(GLYPHS) - 1))
    lattice[:, 0] = BLANK
    for place, answer in zip(np.linspace(3, steps - 4, len(answers)).astype(int), answers, strict=True):
        for step, share in zip(range(place - 1, place + 2), PEAK, strict=True):
            lattice[step] = 1e-6
            lattice[step, 1:11] += share * answer
            lattice[step, 0] = 1 - share
    return (lattice / lattice.sum(1, keepdims=True)).astype(np.float32)


def has_sum(text: str) -> Callable[[str], bool]:
    """Whether the digits add up to as much as those of `text`, modulo 7."""
    wanted = sum(map(int, text)) % 7
    return lambda other: sum(map(int, other)) % 7 == wanted


if __name__ == "__main__":
    main()
