"""Finding numbers on composed pages: how many are found, how long 12 megapixels take, and in how much memory.

    python benchmarks/pages.py

The lines that are found are not read: what is measured is what comes before the model. Prints a row for each
kind of page, the time of one page of 12 megapixels from its JPEG, and the peak of memory.
"""

from __future__ import annotations

import io
import resource
import statistics
import sys
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from number_prediction import load_mnist
from number_prediction.images import to_page
from number_prediction.lines import find_lines
from tests.drawn_pages import Drawing, DrawnPage, match

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
    print("| page | numbers | found | other lines |\n| --- | --- | --- | --- |")
    for kind, (paper, light) in KINDS.items():
        numbers = found = others = 0
        for seed in range(PAGES):
            page = draw(seed, 1500, 2000, 40, paper, light)
            lines, _ = find_lines(page.picture)
            matched = match([number.box for number in page.numbers], [line.box for line in lines])
            numbers, found = numbers + len(page.numbers), found + len(matched)
            others += len(lines) - len(matched)
        print(f"| {kind} | {numbers} | {found / numbers:.3f} | {others} |")
    page = draw(0, 3000, 4000, 80, "ruled", {"shadow": 0.4, "noise": 3, "blur": 1})
    stream = io.BytesIO()
    Image.fromarray(page.picture).save(stream, "JPEG", quality=92)
    del page
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        find_lines(to_page(stream.getvalue()))
        seconds.append(time.perf_counter() - begun)
    print(f"\n12 megapixels, decoded and searched: {statistics.median(seconds):.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"peak memory, with the drawing of the pages: {peak:.0f} MB")


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
