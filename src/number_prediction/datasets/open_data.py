"""Folders of openly licensed handwriting -> drawings with their labels, licence and checksum.

A folder of sources holds one folder a source: meta.json (source, license), labels.csv (columns file and label
first, then writer) and what they name: strokes.jsonl (one drawing a line), data.npz (`images`), or pictures.
None of it lies in the repository; docs/how-to/open-data.md names the sources.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from number_prediction.errors import DataError
from number_prediction.images.decode import Page, to_page

Strokes = list[NDArray[np.float64]]
"""The strokes of one drawing, each (K, 2): x to the right, y down."""


@dataclass(frozen=True, eq=False)
class OpenSource:
    """One source of handwriting. Exactly one of `strokes` and `pages` is filled."""

    name: str
    origin: str
    """Where it comes from."""
    licence: str
    sha256: str
    """Of its files in the order of their names, hexadecimal."""
    labels: tuple[str, ...]
    writers: tuple[str, ...]
    """Who wrote each drawing; empty where it is not known."""
    strokes: tuple[Strokes, ...]
    pages: tuple[Page, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def describe(self) -> dict[str, Any]:
        """What a model card says of it, as plain values."""
        return {
            "name": self.name,
            "origin": self.origin,
            "licence": self.licence,
            "drawings": len(self),
            "sha256": self.sha256,
        }


def load_open_data(folder: Path) -> dict[str, OpenSource]:
    """Every source in a folder, by name.

    Raises:
        DataError: the folder holds no source, or one of them is incomplete.
    """
    sources = {path.parent.name: _load(path.parent) for path in sorted(folder.glob("*/meta.json"))}
    if not sources:
        raise DataError(f"{folder}: no open data there; expected folders with meta.json and labels.csv")
    return sources


def describe_open_data(folder: Path) -> tuple[dict[str, Any], ...]:
    """What a model card says of every source in a folder."""
    return tuple(source.describe() for source in load_open_data(folder).values())


def _load(folder: Path) -> OpenSource:
    try:
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        strokes, pages = _read_drawings(folder, rows)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder}: cannot be read as open data: {error}") from error
    if len(rows) != max(len(strokes), len(pages)):
        raise DataError(f"{folder}: labels.csv has {len(rows)} rows for {max(len(strokes), len(pages))}")
    parts = meta.get("sources", {"": meta})
    return OpenSource(
        name=folder.name,
        origin=_join(part.get("source", "") for part in parts.values()),
        licence=_join(part.get("license", part.get("licence", "")) for part in parts.values()),
        sha256=_hash(folder),
        labels=tuple(row["label"] for row in rows),
        writers=tuple(row.get("writer") or row.get("document") or "" for row in rows),
        strokes=strokes,
        pages=pages,
    )


def _read_drawings(folder: Path, rows: list[dict[str, str]]) -> tuple[tuple[Strokes, ...], tuple[Page, ...]]:
    if (folder / "strokes.jsonl").exists():
        with (folder / "strokes.jsonl").open(encoding="utf-8") as lines:
            drawings = [json.loads(line)["strokes"] for line in lines]
        return tuple([np.asarray(each, np.float64) for each in drawing] for drawing in drawings), ()
    if (folder / "data.npz").exists():
        with np.load(folder / "data.npz", allow_pickle=False) as data:
            return (), tuple(to_page(image) for image in data["images"])
    return (), tuple(to_page(folder / row["file"]) for row in rows)


def _hash(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content.update(path.read_bytes())
    return content.hexdigest()


def _join(values: Any) -> str:
    """Different values in their order, as one text."""
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return "; ".join(dict.fromkeys(str(each) for each in flat if each))
