"""IDX files as published and damaged ones: an array, or an error that names the file and the mend."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from number_prediction.datasets.idx import ELEMENT_TYPES, parse_idx, read_content, read_idx
from number_prediction.errors import DataError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
HUGE = 2**32 - 1


def header(code: int, *shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def idx_bytes(array: NDArray[Any]) -> bytes:
    code = next(code for code, element in ELEMENT_TYPES.items() if element == array.dtype.newbyteorder(">"))
    return header(code, *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def test_the_bytes_of_the_format_as_its_authors_describe_it(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    np.testing.assert_array_equal(read_idx(path), [5, 0, 4])
    path.write_bytes(bytes([0, 0, 0x0C, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0, 255, 255, 255, 255]))
    np.testing.assert_array_equal(read_idx(path), [[256, -1]])


@given(
    st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
        lambda dtype: arrays(dtype, array_shapes(max_dims=4, min_side=0, max_side=4))
    )
)
@settings(deadline=None)
def test_every_element_type_and_rank_is_read_back(array: NDArray[Any]) -> None:
    read = parse_idx(idx_bytes(array), Path("array"))
    assert read.dtype == array.dtype.newbyteorder(">")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("name", ["images", "images.gz", "images.idx3-ubyte"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_gzip_is_told_by_content_not_by_name(compress: Any, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(compress(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(path), IMAGES)
    assert read_content(path) == idx_bytes(IMAGES)


GOOD = idx_bytes(IMAGES)
ZIPPED = gzip.compress(GOOD)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "wrong magic number", id="empty"),
        pytest.param(GOOD[:3], "wrong magic number 0x000008;", id="three bytes"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(30), "wrong magic number 0x89504e47;", id="PNG"),
        pytest.param(b"<html>404 Not Found</html>", "wrong magic number 0x3c68746d;", id="web page"),
        pytest.param(b"\0\0\x07" + GOOD[3:], "wrong magic number 0x00000703;", id="element type"),
        pytest.param(b"\0\1" + GOOD[2:], "wrong magic number 0x00010803;", id="not zero"),
        pytest.param(b"\0\0\x08\0", "wrong magic number 0x00000800;", id="rank 0"),
        pytest.param(GOOD[:4], "cut off inside the header", id="no shape"),
        pytest.param(GOOD[:15], "cut off inside the header", id="part of the shape"),
        pytest.param(GOOD[:16], "cut off: 16 bytes .* asks for 76", id="no elements"),
        pytest.param(GOOD[:-1], "cut off: 75 bytes .* asks for 76", id="one byte short"),
        pytest.param(GOOD + b"\0", "too long: more bytes .* asks for 76", id="one byte long"),
        pytest.param(gzip.compress(GOOD + bytes(9)), "too long: more bytes .* asks for 76", id="long gzip"),
        pytest.param(header(8, HUGE, HUGE, HUGE), "its header .* asks for .*, more than", id="enormous"),
        pytest.param(ZIPPED[:-12], "cannot be read .*download or copy it again", id="gzip cut off"),
        pytest.param(ZIPPED[:5], "cannot be read .*download or copy it again", id="gzip header"),
        pytest.param(
            ZIPPED[:-8] + bytes(8), "cannot be read .*download or copy it again", id="gzip checksum"
        ),
        pytest.param(ZIPPED[:10] + b"\xff" * 20, "cannot be read .*again", id="gzip data"),
        pytest.param(ZIPPED + b"rest", "cannot be read .*download or copy it again", id="gzip and more"),
        pytest.param(gzip.compress(GOOD[:-1]), "cut off: 75 bytes", id="cut off inside gzip"),
    ],
)
def test_damaged_files_are_named_with_a_mend(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}"):
        read_idx(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(header(8, *[1] * 65) + b"\7", id="rank 65"),
        pytest.param(header(8, *[1] * 255) + b"\7", id="rank 255"),
        pytest.param(header(8, 0, HUGE, HUGE, HUGE), id="nothing, very wide"),
    ],
)
def test_shapes_that_no_array_can_have_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^images: "):
        parse_idx(content, Path("images"))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_idx(path)


@given(
    st.binary(max_size=60)
    | st.builds(
        lambda code, shape, rest: header(code, *shape) + rest,
        st.sampled_from([*ELEMENT_TYPES, 0x0A]),
        st.lists(st.integers(0, 3) | st.integers(0, HUGE), max_size=80),
        st.binary(max_size=40),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_an_array_or_a_data_error(content: bytes) -> None:
    try:
        assert isinstance(parse_idx(content, Path("any")), np.ndarray)
    except DataError as error:
        assert str(error).startswith("any: ")  # noqa: PT017 - most examples raise, some may not
