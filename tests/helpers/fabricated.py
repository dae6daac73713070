"""An evaluation whose answers are made up, on MNIST pictures, and what the explorer shows of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.datasets.split import Split
from number_prediction.evaluation.digits import Evaluation
from number_prediction.html import data_url
from number_prediction.reports.error_explorer import ExplorerData, NeighbourSheet, SaliencySheet

NEIGHBOURS = 6
COLUMNS = 100


@dataclass(frozen=True, eq=False)
class Fabricated:
    """An evaluation, its explorer, and the tiles that were drawn into the sheets."""

    evaluation: Evaluation
    explorer: ExplorerData
    neighbours: NDArray[np.uint8]
    """(D, K, 28, 28), ink 255."""
    overlays: NDArray[np.uint8]
    """(2, D, 4), the colour that fills each saliency map."""


def fabricate(
    test: Split,
    train: Split,
    classes: Sequence[str],
    *,
    count: int = 400,
    kept: int = 150,
    right: bool = False,
) -> Fabricated:
    """Make up answers to `count` pictures: a quarter wrong, two abstentions; or all right.

    Confidences are all different. The explorer holds the errors and `kept` of the others; details have the
    errors and ten more. The labels of the ranks 1 to 5 are suspected.
    """
    everyone = np.arange(count)
    labels = test.labels[:count].astype(np.intp) % len(classes)
    predicted = np.where(
        (everyone % 4 == 0) & (not right), (labels + 1 + everyone % 3) % len(classes), labels
    )
    confidence = 0.55 + 0.44 * (everyone * 37 % count) / count
    probabilities = np.repeat((1 - confidence)[:, None] / (len(classes) - 1), len(classes), axis=1)
    probabilities[everyone, predicted] = confidence
    evaluation = Evaluation(
        data="made up",
        model_sha256="5e" * 32,
        classes=tuple(classes),
        labels=labels,
        probabilities=probabilities.astype(np.float32),
        is_digit=np.where(np.isin(everyone, [] if right else [9, 109]), 0, 1).astype(np.float32),
        frames=test.images[:count],
        seconds=1.0,
    )
    chosen = np.concatenate([evaluation.errors, np.flatnonzero(evaluation.correct)[:kept]])
    detailed = np.arange(min(len(evaluation.errors) + 10, len(chosen)))
    suspicion = (everyone * 21 + 3) % count + 1
    suggested = np.where(suspicion <= 5, (labels + 1) % len(classes), -1)
    nearest = np.arange(len(detailed) * NEIGHBOURS).reshape(-1, NEIGHBOURS)
    neighbours = np.asarray(train.images[nearest.ravel()])
    overlays = np.stack(
        [
            np.stack([detailed % 200, 0 * detailed, 0 * detailed + shift, 0 * detailed + 255], 1)
            for shift in (40, 240)
        ]
    ).astype(np.uint8)
    explorer = ExplorerData(
        classes=classes,
        confusion=evaluation.confusion,
        abstained=np.bincount(labels[evaluation.abstained], minlength=len(classes)),
        total=count,
        tile=28,
        columns=COLUMNS,
        frames=_sheet(255 - evaluation.frames[chosen]),
        index=chosen,
        label=labels[chosen],
        predicted=np.where(evaluation.abstained, -1, evaluation.predicted)[chosen],
        probabilities=np.rint(probabilities[chosen] * 10_000).astype(int),
        suspicion=suspicion[chosen],
        suggested=suggested[chosen],
        detailed=detailed,
        saliency=[
            SaliencySheet(
                name, f"What {name} shows.", _sheet(np.tile(colours[:, None, None], (1, 28, 28, 1)))
            )
            for name, colours in zip(("occlusion", "gradient"), overlays, strict=True)
        ],
        neighbours=NeighbourSheet(
            NEIGHBOURS, _sheet(255 - neighbours), nearest, train.labels[nearest].astype(int) % len(classes)
        ),
    )
    return Fabricated(evaluation, explorer, neighbours.reshape(-1, NEIGHBOURS, 28, 28), overlays)


def _sheet(tiles: NDArray[np.uint8]) -> str:
    """Data URL of tiles (N, 28, 28) or (N, 28, 28, 4) in rows of COLUMNS."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, *tiles.shape[1:]), np.uint8)
    sheet[: len(tiles)] = tiles
    grid = sheet.reshape(rows, COLUMNS, *tiles.shape[1:]).swapaxes(1, 2)
    stream = io.BytesIO()
    Image.fromarray(grid.reshape(rows * 28, COLUMNS * 28, *tiles.shape[3:])).save(stream, "PNG")
    return data_url(stream.getvalue())
