"""Splits and picture files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from number_prediction.datasets.split import PictureFiles
from number_prediction.errors import ImageError
from tests.helpers.pictures import encode


def test_picture_files_are_read_when_asked_for(tmp_path: Path) -> None:
    paths = [tmp_path / f"{grey}.png" for grey in (10, 20, 30)]
    for grey, path in zip((10, 20, 30), paths, strict=True):
        path.write_bytes(encode(np.full((grey, 5), grey, np.uint8)))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    pictures = PictureFiles([*paths, broken])
    assert len(pictures) == 4
    assert pictures[1].shape == (20, 5)
    assert [page[0, 0] for page in pictures[:3]] == [10, 20, 30]
    assert [page[0, 0] for page in pictures[np.array([2, 0])]] == [30, 10]
    assert pictures[1:].paths == (*paths[1:], broken)
    for read in (lambda: pictures[3], lambda: list(pictures)):
        with pytest.raises(ImageError, match=re.escape(str(broken))):
            read()
