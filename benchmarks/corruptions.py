"""MNIST test pictures behind the fifteen corruptions of MNIST-C (Mu, Gilmer, 2019): how many are read.

    python benchmarks/corruptions.py [--model RUN|MODEL.onnx ...] [--pictures 2000] [--save DIR]

The corruptions are re-created from their description in the strength of the published set: light digits on
black, 28x28. For each model: the share of right answers, where an abstention counts as wrong, and in brackets
the share when it must answer. --save writes a sheet of examples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor

SIDE = 28
Picture = NDArray[np.float64]
"""(28, 28) in [0, 1], 1 is ink."""
Random = np.random.Generator


def shot_noise(ink: Picture, random: Random) -> Picture:
    """Photons are counted: about three at full brightness."""
    return random.poisson(ink * 3) / 3


def impulse_noise(ink: Picture, random: Random) -> Picture:
    """17% of the pixels are black or white."""
    hit = random.random(ink.shape)
    return np.where(hit < 0.085, 0.0, np.where(hit < 0.17, 1.0, ink))


def glass_blur(ink: Picture, random: Random) -> Picture:
    """Blurred, then neighbouring pixels are swapped twice, then blurred again."""
    glass = ndimage.gaussian_filter(ink, 0.7)
    for _ in range(2):
        for row in range(SIDE - 2, 0, -1):
            for column in range(SIDE - 2, 0, -1):
                if random.random() < 0.5:
                    down, right = random.integers(-1, 1, 2)
                    there = row + down, column + right
                    glass[row, column], glass[there] = glass[there], glass[row, column]
    return ndimage.gaussian_filter(glass, 0.7)


def motion_blur(ink: Picture, random: Random) -> Picture:
    """Smeared to one side, less and less, in a direction within 45 degrees of level."""
    angle = np.radians(random.uniform(-45, 45))
    steps = np.arange(21)
    weights = np.exp(-(steps**2) / (2 * 3**2))
    moved = [ndimage.shift(ink, (step * np.sin(angle), step * np.cos(angle)), order=1) for step in steps]
    return np.tensordot(weights / weights.sum(), moved, 1)


def shear(ink: Picture, random: Random) -> Picture:
    """Slanted by 0.4, either way."""
    slant = random.choice([-0.4, 0.4])
    return _transform(ink, np.array([[1.0, 0.0], [-np.sin(slant), np.cos(slant)]]))


def scale(ink: Picture, random: Random) -> Picture:  # noqa: ARG001 one face for all
    """Reduced to 0.7."""
    return _transform(ink, np.eye(2) / 0.7)


def rotate(ink: Picture, random: Random) -> Picture:
    """Turned by 0.4, either way."""
    angle = random.choice([-0.4, 0.4])
    cos, sin = np.cos(angle), np.sin(angle)
    return _transform(ink, np.array([[cos, sin], [-sin, cos]]))


def brightness(ink: Picture, random: Random) -> Picture:  # noqa: ARG001
    """Brighter by half."""
    return ink + 0.5


def translate(ink: Picture, random: Random) -> Picture:
    """Moved by three pixels along both axes."""
    return ndimage.shift(ink, random.choice([-3, 3], 2), order=1)


def stripe(ink: Picture, random: Random) -> Picture:  # noqa: ARG001
    """All but a stripe down the middle is inverted."""
    striped = ink.copy()
    striped[:, :7] = 1 - striped[:, :7]
    striped[:, 21:] = 1 - striped[:, 21:]
    return striped


def fog(ink: Picture, random: Random) -> Picture:
    """Behind three times as much plasma, then made as dark as before."""
    plasma = np.zeros((256, 256))
    for level in range(1, 9):
        bumps = random.uniform(-1, 1, (2**level, 2**level))
        plasma += ndimage.zoom(bumps, 256 // 2**level, order=1) / 1.4**level
    plasma = (plasma - plasma.min()) / (plasma.max() - plasma.min())
    brightest = ink.max()
    return (ink + 3 * plasma[:SIDE, :SIDE]) * brightest / (brightest + 3)


def spatter(ink: Picture, random: Random) -> Picture:
    """Drops of mud, a quarter as bright as ink."""
    drops = ndimage.gaussian_filter(random.normal(0.65, 0.3, ink.shape), 1)
    mud = ndimage.gaussian_filter((drops > 0.65).astype(float), 1.5)
    mud[mud < 0.8] = 0
    return ink * (1 - mud) + 63 / 255 * mud


def dotted_line(ink: Picture, random: Random) -> Picture:
    """A dotted line from side to side."""
    begin, end = random.integers(0, 27, 2)
    line = _line((0, begin), (27, end))
    line[:, np.arange(SIDE) % 4 < 2] = 0
    return ink + line


def zigzag(ink: Picture, random: Random) -> Picture:
    """A zigzag from side to side."""
    begin = random.integers(0, 27)
    along = np.arange(0, 24, 4.0)
    points = [(0.0, 0.0), *((x + 2, 2.0 * (-1) ** i) for i, x in enumerate(along)), (24.0, 0.0)]
    angle = np.arctan(random.integers(-5, 5) / 23)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = np.array(points) @ turn.T + (2, begin)
    for first, second in pairwise(places):
        ink = np.clip(ink + _line(tuple(first), tuple(second)), 0, 1)
    return ink


def canny_edges(ink: Picture, random: Random) -> Picture:  # noqa: ARG001
    """The edges of the strokes alone (Canny, 1986)."""
    soft = ndimage.gaussian_filter(ink, 1, mode="constant")
    down, across = ndimage.sobel(soft, 0), ndimage.sobel(soft, 1)
    strength = np.hypot(down, across)
    sector = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    is_ridge = np.zeros(ink.shape, bool)
    for number, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = ndimage.shift(strength, (row, column), order=0)
        behind = ndimage.shift(strength, (-row, -column), order=0)
        is_ridge |= (sector == number) & (strength >= ahead) & (strength >= behind)
    weak = is_ridge & (strength > 0.1)
    parts, _ = ndimage.label(weak, np.ones((3, 3)))
    strong = np.unique(parts[weak & (strength > 0.2)])
    return (np.isin(parts, strong) & weak).astype(float)


CORRUPTIONS: dict[str, Callable[[Picture, Random], Picture]] = {
    each.__name__: each
    for each in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}


def corrupt(images: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Pictures (N, 28, 28), light on black, behind one of the CORRUPTIONS, the same at every call."""
    random = np.random.default_rng(list(CORRUPTIONS).index(name))
    changed = [CORRUPTIONS[name](image / 255, random) for image in images]
    return (np.clip(changed, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, nargs="*", default=[None])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    test = load_mnist().test
    images, labels = np.asarray(test.images)[: options.pictures], test.labels[: options.pictures]
    predictors = {str(path or "packaged"): Predictor(path) for path in options.model}
    print("| corruption | " + " | ".join(predictors) + " |")
    print("|---|" + "---|" * len(predictors))
    shares: list[list[tuple[float, float]]] = []
    sheet = []
    for name in CORRUPTIONS:
        changed = corrupt(images, name)
        sheet.append(np.concatenate(list(changed[:20]), 1))
        shares.append([_accuracy(each, changed, labels) for each in predictors.values()])
        _print_row(name, shares[-1])
    _print_row("mean", [tuple(pair) for pair in np.mean(shares, 0)])
    _print_row("least", [tuple(pair) for pair in np.min(shares, 0)])
    if options.save is not None:
        Image.fromarray(np.concatenate(sheet)).save(options.save / "corruptions.png")


def _accuracy(
    predictor: Predictor, images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> tuple[float, float]:
    answer = predictor.run(images)
    right = answer.probabilities.argmax(1) == labels
    return float((right & (answer.is_digit >= predictor.threshold)).mean()), float(right.mean())


def _print_row(name: str, shares: list[tuple[float, ...]]) -> None:
    cells = [f"{100 * share:.1f}% ({100 * forced:.1f}%)" for share, forced in shares]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _transform(ink: Picture, matrix: NDArray[np.float64]) -> Picture:
    """Each place (row, column) shows what is at `matrix` @ (column, row) about the middle."""
    turned = matrix[::-1, ::-1]
    middle = np.full(2, (SIDE - 1) / 2)
    return ndimage.affine_transform(ink, turned, middle - turned @ middle, order=1)


def _line(begin: tuple[float, float], end: tuple[float, float]) -> Picture:
    """A soft line between two points (column, row); none if it is upright."""
    (left, top), (right, bottom) = begin, end
    if left == right:
        return np.zeros((SIDE, SIDE))
    column, row = np.arange(SIDE), np.arange(SIDE)[:, np.newaxis]
    away = np.abs(row - (top + (bottom - top) / (right - left) * (column - left)))
    line = np.clip(np.log(1 - np.clip(away, 0, 2.3 - 1e-10) / 2.3) + 1, 0, 1)
    line[:, (column < np.floor(left)) | (column >= np.ceil(right))] = 0
    return line


if __name__ == "__main__":
    main()
