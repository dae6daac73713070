"""Papers and pens of any colour, blur and JPEG: from file to answer by the packaged model."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor

COUNT = 30
PAPER, BLUE = (240, 236, 220), (38, 52, 140)


def picture(
    frame: np.ndarray,
    paper: tuple[int, int, int],
    pen: tuple[int, int, int],
    *,
    side: int = 120,
    blur: float = 0.0,
    quality: int | None = None,
) -> bytes:
    """A digit on a paper twice its size, as a file: PNG, or JPEG of that quality."""
    digit = Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.pad(np.asarray(digit) / 255, side // 2)[..., np.newaxis]
    mixed = ink * np.array(pen) + (1 - ink) * np.array(paper)
    drawn = Image.fromarray(mixed.round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    stream = io.BytesIO()
    if quality is None:
        drawn.save(stream, "PNG")
    else:
        drawn.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("paper", "pen", "options"),
    [
        (PAPER, BLUE, {}),
        (PAPER, (196, 40, 44), {}),
        (PAPER, (30, 120, 60), {}),
        ((250, 226, 120), (110, 60, 140), {}),  # violet on a yellow note
        ((180, 220, 235), (150, 30, 60), {}),
        ((30, 62, 48), (236, 238, 228), {}),  # chalk on a board
        ((20, 20, 30), (255, 210, 60), {}),
        ((205, 200, 190), (150, 145, 140), {}),  # a pencil that hardly presses
        (PAPER, BLUE, {"quality": 15}),
        (PAPER, BLUE, {"quality": 30, "side": 56}),
        (PAPER, BLUE, {"blur": 4}),
        (PAPER, BLUE, {"side": 1700, "quality": 80}),
    ],
)
def test_digits_of_any_colour_sharpness_and_size_are_read(
    predictor: Predictor, mnist: Splits, paper: tuple[int, int, int], pen: tuple[int, int, int], options: dict
) -> None:
    count = COUNT if options.get("side", 0) < 1000 else 3
    labels = mnist.test.labels[:count]
    files = [picture(frame, paper, pen, **options) for frame in np.asarray(mnist.test.images[:count])]
    answers = predictor.predict_digits(files)
    right = sum(answer.text == str(label) for answer, label in zip(answers, labels, strict=True))
    assert right >= 0.93 * count
