"""Numbers on composed pages: how many are found and read, how long 12 megapixels take, in how much memory.

    python benchmarks/pages.py

Prints a row for each kind of page, by the model in the package: numbers whose box is found, numbers that are
read wholly right, and what else was taken for a number. Then the time of one page of 12 megapixels from its
JPEG to its numbers, two threads, warm, and time and peak memory of the command that reads it.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from number_prediction.datasets.mnist import load_mnist
from number_prediction.images.decode import to_page
from number_prediction.layout.lines import find_lines
from number_prediction.numbers.page import predict_page
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.drawn_pages import Drawing, DrawnPage, match

KINDS: dict[str, tuple[str, dict[str, float]]] = {
    "plain": ("", {}),
    "ruled, shadow": ("ruled", {"shadow": 0.5, "noise": 3, "blur": 0.7}),
    "squared": ("squared", {"noise": 2, "blur": 0.7}),
    "ruled, turned by 8, on a table": ("ruled", {"turn": 8, "table": 60, "noise": 3, "blur": 0.7}),
    "squared, turned by -20": ("squared", {"turn": -20, "noise": 2, "blur": 0.7}),
    "plain, turned by 30": ("", {"turn": 30, "shadow": 0.4, "noise": 3}),
    "light on dark": ("", {"inverted": True, "noise": 3}),
}
PAGES = 3
REPEATS = 5


def main() -> None:
    predictor = NumberPredictor(threads=2)
    read = partial(predict_page, read=predictor.read_lines)
    print("| page | numbers | found | read right | others |\n| --- | --- | --- | --- | --- |")
    for kind, (paper, light) in KINDS.items():
        numbers = found = right = others = 0
        for seed in range(PAGES):
            page = draw(seed, 1500, 2000, 40, paper, light)
            there = read(page.picture).numbers
            matched = match([number.box for number in page.numbers], [number.box for number in there])
            numbers, found = numbers + len(page.numbers), found + len(matched)
            right += sum(page.numbers[i].text == there[j].text for i, j in matched.items())
            others += len(there) - len(matched)
        print(
            f"| {kind} | {numbers} | {found / numbers:.3f} | {right / numbers:.3f} | {others} |", flush=True
        )
    page = draw(0, 3000, 4000, 80, "ruled", {"shadow": 0.4, "noise": 3, "blur": 1})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.jpg"
        Image.fromarray(page.picture).save(path, quality=92)
        works: dict[str, Callable[[str], object]] = {
            "found": lambda name: find_lines(to_page(name)),
            "read": read,
        }
        for words, work in works.items():
            seconds = []
            for _ in range(REPEATS):
                begun = time.perf_counter()
                work(str(path))
                seconds.append(time.perf_counter() - begun)
            print(f"12 megapixels, {len(page.numbers)} numbers {words}: {statistics.median(seconds):.2f} s")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "number_prediction", "read", str(path), "--page", "--threads", "2"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        print(f"the command: {time.perf_counter() - begun:.2f} s, peak memory {peak:.0f} MB")


def draw(seed: int, width: int, height: int, tall: int, paper: str, light: dict[str, float]) -> DrawnPage:
    """Numbers of 1 to 6 digits in three columns, of mixed sizes."""
    drawing = Drawing(width, height, load_mnist().test, seed=seed)
    step = round(2.2 * tall)
    if paper:
        drawing.rule(step if paper == "ruled" else round(1.3 * tall), squared=paper == "squared")
    for y in range(2 * step, height - 2 * step, step):
        for column in range(3):
            digits = drawing.random.integers(0, 10, drawing.random.integers(1, 7))
            size = tall * drawing.random.choice([0.8, 1.0, 1.3])
            drawing.write("".join(map(str, digits)), width * (0.1 + 0.29 * column), y - tall - 6, size)
    return drawing.finish(**light)


if __name__ == "__main__":
    main()
