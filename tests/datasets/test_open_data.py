"""Folders of open data are read whole, and said to be broken where they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from number_prediction.datasets.open_data import load_open_data
from number_prediction.errors import DataError


def write_source(folder: Path, labels: list[str]) -> Path:
    """A source without drawings yet."""
    folder.mkdir()
    (folder / "meta.json").write_text(json.dumps({"source": "somewhere", "license": "CC BY 4.0"}))
    rows = "".join(f"x[{index}],{label},w{index}\n" for index, label in enumerate(labels))
    (folder / "labels.csv").write_text(f"file,label,writer\n{rows}")
    return folder


def test_strokes_and_pictures_are_read_with_licence_and_checksum(tmp_path: Path) -> None:
    strokes = write_source(tmp_path / "pens", ["7"])
    (strokes / "strokes.jsonl").write_text(json.dumps({"strokes": [[[0, 0], [5, 0], [2, 9]]]}) + "\n")
    scans = write_source(tmp_path / "scans", ["1", "b"])
    np.savez(scans / "data.npz", images=np.zeros((2, 9, 7), np.uint8))
    sources = load_open_data(tmp_path)
    assert list(sources) == ["pens", "scans"]
    assert sources["pens"].strokes[0][0].tolist() == [[0, 0], [5, 0], [2, 9]]
    assert sources["scans"].labels == ("1", "b")
    assert sources["scans"].writers == ("w0", "w1")
    assert [page.shape for page in sources["scans"].pages] == [(9, 7), (9, 7)]
    assert sources["scans"].licence == "CC BY 4.0"
    assert sources["pens"].sha256 != sources["scans"].sha256
    assert sources["pens"].sha256 == load_open_data(tmp_path)["pens"].sha256


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"meta\.json"):
        load_open_data(tmp_path)


def test_a_source_with_too_few_drawings_is_refused(tmp_path: Path) -> None:
    scans = write_source(tmp_path / "scans", ["1", "2"])
    np.savez(scans / "data.npz", images=np.zeros((1, 9, 7), np.uint8))
    with pytest.raises(DataError, match="2 rows for 1"):
        load_open_data(tmp_path)
