"""Data of the error explorer: an evaluation and, optionally, its analysis -> sheets of pictures, answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import FRAME_SIZE
from number_prediction.datasets.label_errors import find_label_errors
from number_prediction.evaluation.analysis import Analysis, Neighbours
from number_prediction.evaluation.digits import Evaluation
from number_prediction.html import data_url, picture_to_png

MAX_PICTURES = 10_000
"""Most pictures on the page: explained ones, then errors, then a random sample of the rest."""
SHEET_COLUMNS = 100
"""Pictures per row of a sheet."""
_FOR_COLOUR, _AGAINST_COLOUR = (214, 40, 40), (38, 84, 200)
_SALIENCY_NOTES = {
    "occlusion": "Red: covering this ink makes the answer less probable. Blue: more probable.",
    "integrated gradients": "Red: this ink speaks for the answer. Blue: against it.",
}


def build_explorer(evaluation: Evaluation, analysis: Analysis | None = None) -> ExplorerData:
    """Build the explorer's data; without an analysis it has no saliency and no neighbours."""
    chosen = _choose(evaluation, analysis.explained if analysis else evaluation.errors[:0])
    judged = find_label_errors(evaluation.labels, evaluation.probabilities)
    rank = np.empty(len(evaluation.labels), np.intp)
    rank[judged.ranking()] = np.arange(1, len(rank) + 1)
    position = np.full(len(evaluation.labels), -1)
    position[chosen] = np.arange(len(chosen))
    class_count = len(evaluation.classes)
    return ExplorerData(
        classes=evaluation.classes,
        confusion=evaluation.confusion,
        abstained=np.bincount(evaluation.labels[evaluation.abstained], minlength=class_count),
        total=len(evaluation.labels),
        tile=FRAME_SIZE,
        columns=SHEET_COLUMNS,
        frames=_grey_sheet(evaluation.frames[chosen]),
        index=chosen,
        label=evaluation.labels[chosen],
        predicted=np.where(evaluation.abstained, -1, evaluation.predicted)[chosen],
        probabilities=np.rint(10_000 * evaluation.probabilities[chosen]).astype(np.int64),
        suspicion=rank[chosen],
        suggested=np.where(judged.is_suspect, judged.suggested, -1)[chosen],
        detailed=position[analysis.explained] if analysis else np.empty(0, np.intp),
        saliency=[
            SaliencySheet(name, _SALIENCY_NOTES.get(name, ""), _saliency_sheet(maps))
            for name, maps in (analysis.saliency if analysis else {}).items()
        ],
        neighbours=_neighbour_sheet(analysis.neighbours) if analysis and analysis.neighbours else None,
    )


def _choose(evaluation: Evaluation, explained: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sorted indices of the pictures on the page: explained ones, then errors, then others at random."""
    count = len(evaluation.labels)
    if count <= MAX_PICTURES:
        return np.arange(count)
    chance = np.random.default_rng(0).random(count)
    chance[evaluation.errors] -= 1
    chance[explained] -= 2
    return np.sort(np.argsort(chance, kind="stable")[:MAX_PICTURES])


def _neighbour_sheet(near: Neighbours) -> NeighbourSheet:
    count = near.index.shape[1]
    sheet = _grey_sheet(near.frames.reshape(-1, FRAME_SIZE, FRAME_SIZE))
    return NeighbourSheet(count, sheet, near.index, near.label)


def _grey_sheet(frames: NDArray[np.uint8]) -> str:
    """Data URL of frames (N, 28, 28), ink 255, drawn dark on white."""
    return data_url(picture_to_png(_tile(255 - frames)))


def _saliency_sheet(maps: NDArray[np.float32]) -> str:
    """Data URL of maps (D, 28, 28), each scaled by its largest value: red above 0, blue below, else clear."""
    limit = np.maximum(np.abs(maps).max((1, 2), keepdims=True), 1e-9)
    strength = (maps / limit)[..., np.newaxis]
    colour = np.where(strength > 0, np.array(_FOR_COLOUR), np.array(_AGAINST_COLOUR))
    pixels = np.concatenate([colour, np.rint(220 * np.abs(strength))], axis=3).astype(np.uint8)
    return data_url(picture_to_png(_tile(pixels)))


def _tile(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tiles (N, 28, 28) or (N, 28, 28, channels), side by side in rows of SHEET_COLUMNS."""
    rows, columns, channels = max(1, -(-len(tiles) // SHEET_COLUMNS)), SHEET_COLUMNS, tiles.shape[3:]
    missing = np.zeros((rows * columns - len(tiles), *tiles.shape[1:]), np.uint8)
    grid = np.concatenate([tiles, missing]).reshape(rows, columns, FRAME_SIZE, FRAME_SIZE, *channels)
    sheet = np.moveaxis(grid, 2, 1).reshape(rows * FRAME_SIZE, columns * FRAME_SIZE, *channels)
    return np.ascontiguousarray(sheet)


@dataclass(frozen=True)
class SaliencySheet:
    """Saliency maps of D pictures by one method."""

    name: str
    note: str
    """What the colours mean, as a sentence."""
    sheet: str
    """Data URL of D transparent tiles."""


@dataclass(frozen=True, eq=False)
class NeighbourSheet:
    """The K nearest training pictures of each of D pictures, nearest first."""

    count: int
    """K."""
    sheet: str
    """Data URL of D * K tiles."""
    index: NDArray[np.integer]
    """(D, K) numbers in the training part."""
    label: NDArray[np.integer]
    """(D, K) class indices."""


@dataclass(frozen=True, eq=False)
class ExplorerData:
    """Data of the page: N pictures of C classes, D of them with details."""

    classes: Sequence[str]
    confusion: NDArray[np.integer]
    """(C, C) answers, rows true and columns predicted classes."""
    abstained: NDArray[np.integer]
    """(C,) abstentions by true class."""
    total: int
    """Pictures of the evaluation."""
    tile: int
    """Side of a tile in pixels."""
    columns: int
    """Tiles per row of a sheet."""
    frames: str
    """Data URL of N tiles."""
    index: NDArray[np.integer]
    """(N,) numbers of the pictures in the evaluation."""
    label: NDArray[np.integer]
    """(N,) true classes."""
    predicted: NDArray[np.integer]
    """(N,) answered classes, -1 for an abstention."""
    probabilities: NDArray[np.integer]
    """(N * C,) or (N, C), in 1/10000."""
    suspicion: NDArray[np.integer]
    """(N,) ranks of the labels from 1, the most suspicious."""
    suggested: NDArray[np.integer]
    """(N,) suggested classes, -1 if the label is not suspected."""
    detailed: NDArray[np.integer]
    """(D,) positions of the pictures with saliency and neighbours."""
    saliency: Sequence[SaliencySheet] = ()
    neighbours: NeighbourSheet | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        near = self.neighbours
        return {
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "abstained": self.abstained.tolist(),
            "total": self.total,
            "tile": self.tile,
            "columns": self.columns,
            "frames": self.frames,
            "index": self.index.tolist(),
            "label": self.label.tolist(),
            "predicted": self.predicted.tolist(),
            "probabilities": self.probabilities.ravel().tolist(),
            "suspicion": self.suspicion.tolist(),
            "suggested": self.suggested.tolist(),
            "detailed": self.detailed.tolist(),
            "saliency": [asdict(sheet) for sheet in self.saliency],
            "neighbours": None
            if near is None
            else {
                "count": near.count,
                "sheet": near.sheet,
                "index": near.index.tolist(),
                "label": near.label.tolist(),
            },
        }
