"""What a person names on the command line -> pictures -> rows of results."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from number_prediction.images import MAX_BYTES, find_picture_files
from number_prediction.predictor import Predictor
from number_prediction.types import DigitPrediction, ImageError

STDIN = "-"


@dataclass(frozen=True)
class Row:
    """The result for one picture."""

    path: str
    prediction: DigitPrediction | None
    """None where there is an error."""
    error: str | None
    top: int
    """How many of the best classes are wanted besides."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        if self.prediction is None:
            return {"path": self.path, "error": self.error}
        values = {"path": self.path, **self.prediction.to_dict()}
        if self.top:
            values["top"] = [
                {"text": text, "probability": probability}
                for text, probability in self.prediction.top(self.top)
            ]
        return values


def find_pictures(names: Iterable[str]) -> Iterator[str]:
    """The picture files that names stand for: files, folders (with all below), globs, "-".

    A name that stands for nothing is handed on, so that it gets its error row.
    """
    for name in names:
        if name == STDIN or os.path.exists(name):
            yield from _expand(name)
        else:
            for found in sorted(glob.glob(name, recursive=True)) or [name]:
                yield from _expand(found)


def _expand(name: str) -> list[str]:
    """A folder as the pictures in it; where there are none, and for all else, the name itself."""
    if not os.path.isdir(name):
        return [name]
    return [str(path) for path in find_picture_files(Path(name))] or [name]


def read_digits(predictor: Predictor, paths: Iterable[str], *, top: int = 0) -> Iterator[Row]:
    """One row a picture, in order."""
    listed = list(paths)
    inputs = (sys.stdin.buffer.read(MAX_BYTES + 1) if path == STDIN else Path(path) for path in listed)
    for path, answer in zip(listed, predictor.iterate_digits(inputs), strict=True):
        if isinstance(answer, ImageError):
            yield Row(path, None, str(answer), top)
        else:
            yield Row(path, answer, None, top)
