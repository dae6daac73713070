"""What the error explorer of report.html shows: pictures, answers and explanations, ready for the page.

`ExplorerData.to_dict()` becomes JSON in `<script type="application/json" id="explorer-data">`, which
assets/explorer.js reads. C classes, N pictures, of which D have details:

```
{ "classes": ["0", ...],              any number of classes
  "confusion": [[...C ints], ...],    row true, column predicted, of all evaluated pictures that were answered
  "abstained": [C ints],              by true class, how many were answered "not a digit"
  "total": 10000,                     pictures evaluated; N may be fewer (all errors, a sample of the rest)
  "tile": 28, "columns": 100,         sprite sheets: tile k at column k % columns, row floor(k / columns)
  "frames": "data:image/png;base64,...",    sheet of all N pictures, dark ink on white
  "index": [N],                       number in the data set
  "label": [N], "predicted": [N],     class indices; predicted -1 = abstained
  "probabilities": [N*C ints],        in 1/10000, row-major
  "suspicion": [N],                   rank of the label's suspicion among all evaluated, 1 = most suspicious
  "suggested": [N],                   class that confident learning suggests instead, -1 = not suspected
  "detailed": [D],                    positions in 0..N-1 of the pictures that have details
  "saliency": [{"name": "occlusion", "note": "...", "sheet": "data:..."}, ...],
                                      RGBA, laid over the picture; tile i belongs to detailed[i]; may be []
  "neighbours": {"count": 6, "sheet": "data:...", "index": [[6], ...], "label": [[6], ...]} or null }
                                      nearest training pictures, dark ink on white, nearest first;
                                      tile i * count + j and [i][j] belong to detailed[i]
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SaliencySheet:
    """One way of showing where the network looked, for D pictures."""

    name: str
    note: str
    """What the colours mean, in a sentence."""
    sheet: str
    """Data URL of D transparent tiles."""


@dataclass(frozen=True, eq=False)
class NeighbourSheet:
    """The nearest training pictures of D pictures, K of each, nearest first."""

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
    """What the page knows; the fields are those of the module's docstring."""

    classes: Sequence[str]
    confusion: NDArray[np.integer]
    """(C, C)."""
    abstained: NDArray[np.integer]
    """(C,)."""
    total: int
    tile: int
    columns: int
    frames: str
    """Data URL of N tiles."""
    index: NDArray[np.integer]
    """(N,)."""
    label: NDArray[np.integer]
    """(N,)."""
    predicted: NDArray[np.integer]
    """(N,), -1 for an abstention."""
    probabilities: NDArray[np.integer]
    """(N * C,) or (N, C), in 1/10000."""
    suspicion: NDArray[np.integer]
    """(N,) ranks from 1."""
    suggested: NDArray[np.integer]
    """(N,), -1 where the label is not suspected."""
    detailed: NDArray[np.integer]
    """(D,)."""
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
