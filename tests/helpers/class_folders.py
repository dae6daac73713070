"""Class folders of real digits, as people have them, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.datasets.split import Split


def write_class(folder: Path, split: Split, label: int, count: int, *, inverted: bool = True) -> None:
    """Write the first pictures of a label as PNG into a new folder; MNIST's inverted are dark on light."""
    folder.mkdir(parents=True)
    for index in np.flatnonzero(split.labels == label)[:count]:
        picture = np.asarray(split.images[index])
        Image.fromarray(255 - picture if inverted else picture).save(folder / f"{index}.png")
