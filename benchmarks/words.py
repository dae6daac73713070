"""Words and numbers on typed pages: how many words are taken for numbers, and how many numbers are read.

    python benchmarks/words.py [FONT.ttf ...] [--model RUN|MODEL.onnx]

Prints a row for each font, by default those of Matplotlib that training does not use. Fonts of handwriting,
which are not in the repository, show what becomes of written words.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from number_prediction.images.geometry import Box
from number_prediction.numbers.page import predict_page
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.drawn_pages import match

UNSEEN = (
    "DejaVuSans-Oblique",
    "DejaVuSansMono-Bold",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "STIXGeneralBolIta",
    "cmb10",
)
TEXT = (
    "the quick brown fox jumps over lazy dogs Name Date Class Total Points School Teacher Student Exam "
    "Signature Grade mathematics please write your answer in box below Monday Tuesday October November "
    "invoice number amount due paid by Street City hours weight Peter Anna Hello solution question page "
    "of is it to Oslo Bill Bob Lois also still isle soil"
)
NUMBERS = 0.3
WIDTH, HEIGHT = 1600, 1100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fonts", type=Path, nargs="*")
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = options.fonts or [folder / f"{name}.ttf" for name in UNSEEN]
    predictor = NumberPredictor(options.model)
    print("| font | words | taken for numbers | numbers | found | read right |\n|---|---|---|---|---|---|")
    sums = np.zeros(5, int)
    for seed, font in enumerate(fonts):
        picture, words, numbers = draw(font, np.random.default_rng(seed))
        there = predict_page(picture, read=predictor.read_lines).numbers
        boxes = [number.box for number in there]
        found = match([box for _, box in numbers], boxes)
        right = sum(numbers[truth][0] == there[place].text for truth, place in found.items())
        others = [box for place, box in enumerate(boxes) if place not in found.values()]
        row = np.array([len(words), len(match(words, others, least=0.2)), len(numbers), len(found), right])
        sums += row
        print_row(font.stem, row)
    print_row("all", sums)


def print_row(name: str, row: np.ndarray) -> None:
    words, taken, numbers, found, right = row
    print(
        f"| {name} | {words} | {taken / words:.1%} "
        f"| {numbers} | {found / numbers:.1%} | {right / numbers:.1%} |",
        flush=True,
    )


def draw(file: Path, random: np.random.Generator) -> tuple[np.ndarray, list[Box], list[tuple[str, Box]]]:
    """A page (H, W) uint8 in one font, the boxes of its words, its numbers with theirs."""
    page = Image.new("L", (WIDTH, HEIGHT), 240)
    pen = ImageDraw.Draw(page)
    size = int(random.integers(34, 60))
    font = ImageFont.truetype(file, size)
    words: list[Box] = []
    numbers: list[tuple[str, Box]] = []
    for y in range(60, HEIGHT - 100, round(1.9 * size)):
        x = 60.0
        while x < WIDTH - 250:
            is_number = random.random() < NUMBERS
            text = (
                str(random.integers(10 ** random.integers(1, 7)))
                if is_number
                else random.choice(TEXT.split())
            )
            pen.text((x, y), text, fill=int(random.integers(10, 70)), font=font)
            left, top, right, bottom = pen.textbbox((x, y), text, font=font)
            box = Box(left, top, right - left, bottom - top)
            if is_number:
                numbers.append((text, box))
            else:
                words.append(box)
            x = right + 1.3 * size
    return np.asarray(page), words, numbers


if __name__ == "__main__":
    main()
