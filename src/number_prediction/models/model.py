"""Model files -> their graphs, run by ONNX Runtime over pages of any sizes. No torch.

What `Predictor` and `NumberPredictor` both are: a file that is found, checked against its manifest and
loaded; pages of one size go through its graph together. And pictures as both take them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.machine import usable_cores
from number_prediction.models.manifest import manifest_path, read_manifest

BATCH_SIZE = 50
"""Pages a call of the graph; larger batches are no faster and take more memory."""
MAX_BATCH_PIXELS = 500_000
"""Pixels a call of the graph, where one page has not more."""
CHUNK_SIZE = 1000
"""Pictures decoded before the graph is called."""
MAX_CHUNK_PIXELS = 8_000_000
"""Pixels decoded before the graph is called."""

Pictures: TypeAlias = "Iterable[ImageInput] | NDArray[np.generic]"


class Model:
    """A loaded graph with one input, pages (N, H, W) uint8; it may be used by several threads at once.

    It can be pickled: the file's content goes along, for its path may mean nothing where it arrives.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None,
        *,
        packaged: str,
        outputs: Sequence[str],
        metadata: Sequence[str],
        threads: int | None = None,
    ) -> None:
        """Load and check a model file.

        Args:
            model: an exported model.onnx, or a run's folder; None stands for the one in the package.
            packaged: the name of the one in the package, such as "digit".
            outputs: names of the graph's outputs, in order.
            metadata: names of the entries it must have.
            threads: batches that are run at once, each on one thread; by default one a core.

        Raises:
            ModelError: missing, altered since its manifest was written, or another graph.
        """
        self.path = _find(model, packaged)
        """The model file."""
        content, self.manifest = _read_verified(self.path, manifest_required=model is None)
        """The manifest beside the model file, see `manifests`; None where there is none."""
        self.sha256 = hashlib.sha256(content).hexdigest()
        """SHA-256 of the model file, hexadecimal."""
        self._session = _load(content, self.path)
        self._metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        found = [output.name for output in self._session.get_outputs()]
        if found != list(outputs) or not set(metadata) <= set(self._metadata):
            raise ModelError(
                f"{self.path}: not a {packaged} graph; export one with number-prediction export RUN"
            )
        self.threads = threads or usable_cores()
        """Batches that are run at once."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": self.read_model()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        content: bytes = state["_session"]
        if hashlib.sha256(content).hexdigest() != state["sha256"]:
            raise ModelError(f"{state['path']}: arrived altered; send it again")
        self.__dict__ = {**state, "_session": _load(content, state["path"])}

    def read_model(self) -> bytes:
        """Content of the model file; raises ModelError where it changed since it was loaded."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(f"{self.path}: the file was altered since it was loaded; load it again")
        return content

    def _run_graph(
        self, pages: Sequence[Page] | NDArray[np.uint8], outputs: Sequence[str]
    ) -> list[list[NDArray[np.float32]]]:
        """Run the graph over pages (H, W) uint8 of any sizes; pages of one size share its calls.

        Returns:
            For each of `outputs` one array a page, in the order of the pages.

        Raises:
            ModelError: an answer is no number.
        """
        answers = [[np.empty(0, np.float32)] * len(pages) for _ in outputs]

        def run_batch(indices: NDArray[np.intp]) -> None:
            batch = pages[indices] if isinstance(pages, np.ndarray) else np.stack([pages[i] for i in indices])
            for rows, found in zip(answers, self._session.run(list(outputs), {"page": batch}), strict=True):
                if not np.isfinite(found).all():
                    raise ModelError(f"{self.path}: answers with NaN; train and export the model anew")
                for index, row in zip(indices, found, strict=True):
                    rows[index] = row

        alone: list[NDArray[np.intp]] = []  # large pages one by one, for the memory they take
        together: list[NDArray[np.intp]] = []
        for indices in _batches(pages):
            is_large = pages[indices[0]].size > MAX_BATCH_PIXELS
            (alone if is_large else together).append(indices)
        if len(together) == 1:
            alone += together
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run_batch, together))
        for indices in alone:
            run_batch(indices)
        return answers


def iterate_chunks(images: Pictures) -> Iterator[list[Page | ImageError]]:
    """Decode pictures a chunk at a time, so that any number of them takes little memory.

    Yields:
        Pages in order, and the error for a picture that cannot be read.

    Raises:
        ImageError: a single picture was given instead of several.
    """
    waiting: list[Page | ImageError] = []
    pixels = 0
    for image in _as_pictures(images):
        page = _try_page(image)
        waiting.append(page)
        pixels += 0 if isinstance(page, ImageError) else page.size
        if len(waiting) == CHUNK_SIZE or pixels > MAX_CHUNK_PIXELS:
            yield waiting
            waiting, pixels = [], 0
    yield waiting


def _find(model: str | os.PathLike[str] | None, packaged: str) -> Path:
    if model is None:
        return Path(str(resources.files("number_prediction") / "assets" / "models" / f"{packaged}.onnx"))
    path = Path(model)
    if path.is_dir():
        path = path / "model.onnx"
    if not path.is_file():
        raise ModelError(f"{path}: no such model; give a model.onnx, or the folder of a finished run")
    return path


def _read_verified(path: Path, *, manifest_required: bool) -> tuple[bytes, dict[str, Any] | None]:
    """Content of a model file and its manifest, where it has one; only if its SHA-256 is the manifest's."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); install the package again") from error
    if not manifest_required and not manifest_path(path).exists():
        return content, None
    manifest = read_manifest(path)
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ModelError(
            f"{path}: its SHA-256 is not the one in {manifest_path(path).name}: the file was altered; "
            "export it again, or install the package again"
        )
    return content, manifest


def _load(content: bytes, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # whole batches side by side are faster than threads inside one
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise ModelError(f"{path}: not an ONNX model that can be run ({error})") from error


def _as_pictures(images: Pictures) -> Iterable[ImageInput]:
    """Refuse a single picture, which would be taken for several of something else."""
    if isinstance(images, np.ndarray):
        is_single = images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (3, 4))
        shape = f" (an array of shape {images.shape})"
    else:
        is_single = isinstance(images, str | os.PathLike | bytes | Image.Image) or hasattr(images, "read")
        shape = ""
    if is_single:
        raise ImageError(
            f"one picture{shape} where several are taken: put it into a list, [picture]; "
            "several in one array are (N, H, W), (N, H, W, 3) or (N, H, W, 4)"
        )
    return images


def _try_page(image: ImageInput) -> Page | ImageError:
    try:
        return to_page(image)
    except ImageError as error:
        return error


def _batches(pages: Sequence[Page] | NDArray[np.uint8]) -> Iterator[NDArray[np.intp]]:
    """Indices of pages of one size, at most BATCH_SIZE and about MAX_BATCH_PIXELS a batch."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    if isinstance(pages, np.ndarray):
        by_shape[pages.shape[1:]] = list(range(len(pages)))
    else:
        for index, page in enumerate(pages):
            by_shape.setdefault(page.shape, []).append(index)
    for (height, width), indices in by_shape.items():
        size = max(1, min(BATCH_SIZE, MAX_BATCH_PIXELS // (height * width)))
        for begin in range(0, len(indices), size):
            yield np.array(indices[begin : begin + size], np.intp)
