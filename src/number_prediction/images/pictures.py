"""What people pass as pictures -> single pictures, one after the other.

In: one picture or many: paths, folders, globs, bytes, streams, PIL images, arrays or tensors. Out: what
`to_page` takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.decode import ImageInput
from number_prediction.images.sources import find_sources


@runtime_checkable
class TensorLike(Protocol):
    """A torch tensor, which this module does not import."""

    def detach(self) -> TensorLike: ...

    def cpu(self) -> TensorLike: ...

    def numpy(self) -> NDArray[np.generic]: ...


Pictures: TypeAlias = "ImageInput | TensorLike | NDArray[np.generic] | Iterable[ImageInput | TensorLike]"
"""One picture or many, see `iterate_pictures`."""


def iterate_pictures(pictures: Pictures) -> Iterator[ImageInput]:
    """The single pictures that an argument stands for, in order.

    Args:
        pictures: a path of a picture, a folder (with all subfolders) or a glob; bytes, a stream, a PIL image;
            an array or tensor (H, W), (H, W, 3) or (H, W, 4), or of several pictures (N, H, W), (N, 1, H, W),
            (N, H, W, 3) or (N, H, W, 4); or several of these, one after the other.

    Yields:
        What `to_page` takes. A path without a file is given as it is.
    """
    if isinstance(pictures, np.ndarray):
        yield from _of_array(pictures)
    elif isinstance(pictures, TensorLike):
        yield from _of_array(pictures.detach().cpu().numpy())
    elif isinstance(pictures, str | os.PathLike):
        yield from (Path(name) for name in find_sources([os.fspath(pictures)]).names)
    elif isinstance(pictures, bytes | Image.Image) or not isinstance(pictures, Iterable):
        yield pictures
    elif hasattr(pictures, "read"):  # an open file can be iterated too: it gives lines
        yield cast("ImageInput", pictures)
    else:
        for each in cast("Iterable[ImageInput]", pictures):
            yield from iterate_pictures(each)


def _of_array(array: NDArray[np.generic]) -> Iterator[ImageInput]:
    is_one = array.ndim < 3 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if is_one:
        yield array
    elif array.ndim == 4 and array.shape[1] == 1:
        yield from array[:, 0]
    else:
        yield from array
