"""Make docs/images/seen.png: pictures as people send them, what the model saw, and what it answers.

    python -m scripts.make_seen

The pictures are MNIST test digits and drawings on generated papers, the same at every run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.drawing import as_grey, draw_tile, headline
from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.training.synthesis.nondigits import scribble
from scripts.pictures import save_picture

SIDE = 240
"""Side of each picture, in pixels."""
TILE, GAP, LINE = 106, 6, 15
"""Side of a tile, space between tiles and height of a line of text, in pixels."""
GREYS = 48
"""Grey values of the saved figure."""

Ink = NDArray[np.float64]
"""(SIDE, SIDE) in [0, 1]."""


def main() -> None:
    pictures = make_pictures()
    predictions = Predictor().predict_digits(pictures.values(), explain=True)
    save_picture(draw(list(pictures), predictions), "seen.png", models=("digit",), colours=GREYS)


def make_pictures() -> dict[str, NDArray[np.uint8]]:
    test = load_mnist().test
    generator = np.random.default_rng(4)
    across = np.linspace(0, 1, SIDE)

    def digit(index: int, size: int = 150, x: int = 0) -> Ink:
        """A test digit with smooth strokes near the middle."""
        large = Image.fromarray(test.images[index]).resize((280, 280), Image.Resampling.BICUBIC)
        smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(5))) / 255
        hard = Image.fromarray(np.rint(np.clip((smooth - 0.35) * 4, 0, 1) * 255).astype(np.uint8))
        page = Image.new("L", (SIDE, SIDE))
        page.paste(hard.resize((size, size)), ((SIDE - size) // 2 + x, (SIDE - size) // 2))
        return np.asarray(page) / 255

    def lines(spacing: int, strength: float) -> Ink:
        """Horizontal rules that slope a little."""
        height = np.arange(SIDE)[:, np.newaxis] + 5 * across
        return np.clip(1.5 - np.abs((height - 20) % spacing - 2), 0, 1) * strength

    def hairline() -> Ink:
        page = Image.new("L", (4 * SIDE, 4 * SIDE))
        ImageDraw.Draw(page).line([(260, 250), (700, 240), (520, 480), (440, 760)], 255, 8, joint="curve")
        ImageDraw.Draw(page).line([(390, 500), (640, 480)], 255, 8)
        return np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255

    def on_paper(ink: Ink, paper: float = 236, pen: float = 40, noise: float = 1.2) -> NDArray[np.uint8]:
        page = paper + (pen - paper) * ink + generator.normal(0, noise, ink.shape)
        return np.clip(page, 0, 255).astype(np.uint8)

    scribbled = np.asarray(Image.fromarray(scribble(np.random.default_rng(8))).resize((SIDE, SIDE)))
    shadow = 1 - 0.45 / (1 + np.exp(-40 * (across[:, np.newaxis] + 0.4 * across - 0.75)))
    return {
        "shadow": (on_paper(digit(1), 200, 50, 2.5) * shadow * (1 - 0.25 * across)).astype(np.uint8),
        "ruled paper": on_paper(np.maximum(digit(32), lines(40, 0.55))),
        "squared paper": on_paper(np.maximum(digit(4), np.maximum(lines(32, 0.4), lines(32, 0.4).T))),
        "light on dark": on_paper(digit(61), 48, 225),
        "faint pencil": on_paper(digit(84), 240, 212),
        "hairline": on_paper(hairline(), 255, 20, 0),
        "two digits": on_paper(np.maximum(digit(2, 120, -45), digit(7, 120, 45))),
        "scribble": on_paper(scribbled / 255),
        "blank": on_paper(np.zeros((SIDE, SIDE)), 225, noise=2) - (30 * across).astype(np.uint8),
    }


def draw(titles: list[str], predictions: list[DigitPrediction]) -> Image.Image:
    """One column per picture: its title, the picture, ink, frame, answer and warnings."""
    step = TILE + GAP
    figure = Image.new("L", (len(titles) * step + GAP, 3 * step + 5 * LINE), 255)
    pen, font, small = ImageDraw.Draw(figure), ImageFont.load_default(13), ImageFont.load_default(11)
    for column, (title, prediction) in enumerate(zip(titles, predictions, strict=True)):
        left = GAP + column * step
        pen.text((left, 2), title, 0, font)
        for row, grey in enumerate((prediction.page, as_grey(prediction.ink), as_grey(prediction.frame))):
            figure.paste(draw_tile(grey, TILE), (left, LINE + GAP + row * step))
        top = LINE + GAP + 3 * step
        pen.text((left, top), headline(prediction), 0, font)
        for row, code in enumerate(prediction.warnings):
            pen.text((left, top + (row + 1) * LINE), code, 90, small)
    return figure


if __name__ == "__main__":
    main()
