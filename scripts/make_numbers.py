"""Make docs/numbers.jpg, a drawn page of numbers, and docs/images/numbers_read.png, the same page read.

python -m scripts.make_numbers
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.images.decode import to_page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.found import Wanted
from number_prediction.pipeline.number_readers import page_reader
from number_prediction.pipeline.rows import Explained
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
    (answer,) = page_reader(NumberPredictor(), wanted=Wanted(annotated=True))([to_page(PAGE)])
    assert isinstance(answer, Explained)
    assert answer.drawing is not None
    with Image.open(io.BytesIO(answer.drawing)) as picture:
        save_picture(picture, "numbers_read.png", models=("digit", "number"), colours=COLOURS)


if __name__ == "__main__":
    main()
