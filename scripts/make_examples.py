"""Make the pictures of examples/: MNIST test digits on generated paper, as a person might send them.

python -m scripts.make_examples
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from number_prediction.datasets.mnist import load_mnist

FOLDER = Path(__file__).parents[1] / "examples"


def main() -> None:
    test = load_mnist().test
    generator = np.random.default_rng(7)

    def ink(index: int, size: int, margins: tuple[int, int, int, int]) -> np.ndarray:
        """Ink of a test digit, (H, W) in [0, 1], enlarged to `size` pixels, with margins around it."""
        picture = Image.fromarray(test.images[index]).resize((size, size), Image.Resampling.BICUBIC)
        top, bottom, left, right = margins
        smooth = np.asarray(picture.filter(ImageFilter.GaussianBlur(size / 90)))
        return np.pad(smooth, ((top, bottom), (left, right))) / 255

    def on_paper(amount: np.ndarray, paper: tuple[int, ...], pen: tuple[int, ...]) -> Image.Image:
        mixed = amount[..., None] * np.array(pen) + (1 - amount[..., None]) * np.array(paper)
        grained = mixed + generator.normal(0, 2.5, mixed.shape[:2])[..., None]
        return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))

    on_paper(ink(0, 180, (30, 60, 80, 40)), (238, 232, 214), (32, 40, 92)).save(FOLDER / "seven.png")
    on_paper(ink(18, 150, (20, 20, 90, 20)), (28, 58, 46), (232, 236, 226)).save(FOLDER / "three.png")
    on_paper(ink(4, 120, (80, 10, 10, 60)), (250, 250, 250), (60, 60, 60)).save(
        FOLDER / "four.jpg", quality=80
    )
    opacity = np.rint(ink(8, 96, (4, 4, 4, 4)) * 255).astype(np.uint8)
    transparent = np.dstack([np.full_like(opacity, value) for value in (180, 30, 30)] + [opacity])
    Image.fromarray(transparent).save(FOLDER / "five.png")
    Image.fromarray(np.clip(generator.normal(236, 2, (120, 160)), 0, 255).astype(np.uint8)).save(
        FOLDER / "blank.png"
    )


if __name__ == "__main__":
    main()
