"""Make docs/numbers.jpg, a drawn page of numbers, and docs/images/numbers_read.png, the same page read.

python -m scripts.make_numbers
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from number_prediction import read_page
from number_prediction.datasets.mnist import load_mnist
from scripts.pictures import save_picture
from tests.helpers.drawn_pages import Drawing

PAGE = Path(__file__).parents[1] / "docs" / "numbers.jpg"
NUMBERS = (  # text, left, top
    ("1987", 80, 80),
    ("42", 500, 80),
    ("305", 80, 240),
    ("7", 520, 240),
    ("60218", 80, 400),
    ("93", 500, 400),
)
WORD = (300, 560, 50)
"""Left, top and height of the word, in pixels."""
COLOURS = 160


def main() -> None:
    drawing = Drawing(900, 700, load_mnist().test, seed=5)
    drawing.rule(70)
    for text, left, top in NUMBERS:
        drawing.write(text, left, top, 60)
    drawing.word(*WORD)
    Image.fromarray(drawing.finish(turn=6, shadow=0.4, noise=0.02).picture).save(PAGE, quality=80)
    (page,) = read_page(PAGE)
    save_picture(page.draw(), "numbers_read.png", models=("digit", "number"), colours=COLOURS)


if __name__ == "__main__":
    main()
