"""Model file -> its graph, run by ONNX Runtime on pages of any size. No torch.

`Predictor` and `NumberPredictor` share this: a file is found, verified by its manifest and loaded; pages of
one size run through its graph in batches; pictures are decoded in chunks, and errors keep their place.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import ImageInput, Page, to_page
from number_prediction.images.pictures import Pictures, iterate_pictures
from number_prediction.images.result import Result, Results, Source
from number_prediction.machine import usable_cores
from number_prediction.models.manifest import manifest_path, read_manifest
from number_prediction.runs.run import RUNS

BATCH_SIZE = 50
"""Pages in one batch; larger batches are not faster and take more memory."""
MAX_BATCH_PIXELS = 500_000
"""Pixels in one batch; a larger page is a batch of its own."""
CHUNK_SIZE = 1000
"""Pictures that are decoded before the graph runs."""
MAX_CHUNK_PIXELS = 8_000_000
"""Pixels that are decoded before the graph runs."""

LATEST = "latest"
"""Stands for the model of the last finished run."""
_Answer = TypeVar("_Answer")
_Result = TypeVar("_Result", bound=Result)


class Model:
    """A loaded graph with one input, pages (N, H, W) uint8. Threads may share it.

    A pickled model includes the content of its file, because the path may not exist where it is unpickled.
    """

    PACKAGED: ClassVar[str]
    """Name of the packaged model of this kind."""
    GRAPH_OUTPUTS: ClassVar[tuple[str, ...]]
    """Names of the outputs that the graph must have, in order."""
    GRAPH_METADATA: ClassVar[tuple[str, ...]]
    """Names of the metadata entries that the graph must have."""

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        """Load and check a model file.

        Args:
            model: an exported model.onnx, the folder of a run, or "latest", the last finished run below
                `runs`; None selects the packaged model.
            threads: batches that run in parallel, each on one thread; the default is one per core.

        Raises:
            ModelError: missing, altered since its manifest was written, or a different kind of graph.
        """
        self.path = _find(model, self.PACKAGED)
        """The model file."""
        content, self.manifest = _read_verified(self.path, manifest_required=model is None)
        """The manifest beside the model file, see `models.manifest`; None if there is none."""
        self.sha256 = hashlib.sha256(content).hexdigest()
        """SHA-256 of the model file, in hexadecimal."""
        self._session = _load(content, self.path)
        self._metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        found = [output.name for output in self._session.get_outputs()]
        first = found[: len(self.GRAPH_OUTPUTS)]
        if first != list(self.GRAPH_OUTPUTS) or not set(self.GRAPH_METADATA) <= set(self._metadata):
            raise ModelError(
                f"{self.path}: not a {self.PACKAGED} graph; export one with number-prediction export RUN"
            )
        self.threads = threads or usable_cores()
        """Batches that run in parallel."""

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str], *, threads: int | None = None) -> Self:
        """Load a packaged model by its name ("digit" or "number"), or a model file or run by its path.

        Raises:
            ModelError: no such model, or one of another kind.
        """
        is_packaged = name_or_path == cls.PACKAGED and not Path(name_or_path).exists()
        return cls(None if is_packaged else name_or_path, threads=threads)

    def __repr__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{type(self).__name__}({self.path.name}, {self.sha256[:8]}, {threads})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": self.read_model()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        content: bytes = state["_session"]
        if hashlib.sha256(content).hexdigest() != state["sha256"]:
            raise ModelError(f"{state['path']}: the content changed on the way; send the model again")
        self.__dict__ = {**state, "_session": _load(content, state["path"])}

    def read_model(self) -> bytes:
        """Return the content of the model file; raises ModelError if it changed since it was loaded."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(f"{self.path}: the file was altered since it was loaded; load it again")
        return content

    def _run_graph(
        self, pages: Sequence[Page] | NDArray[np.uint8], outputs: Sequence[str]
    ) -> list[list[NDArray[np.float32]]]:
        """Run the graph on pages (H, W) uint8 of any size; pages of one size share batches.

        Returns:
            For each of `outputs`, one array per page, in the order of the pages.

        Raises:
            ModelError: an answer is NaN or infinite.
        """
        answers = [[np.empty(0, np.float32)] * len(pages) for _ in outputs]

        def run_batch(indices: NDArray[np.intp]) -> None:
            batch = pages[indices] if isinstance(pages, np.ndarray) else np.stack([pages[i] for i in indices])
            for rows, found in zip(answers, self._session.run(list(outputs), {"page": batch}), strict=True):
                if not np.isfinite(found).all():
                    raise ModelError(
                        f"{self.path}: the model answers NaN or infinity; train and export it again"
                    )
                for index, row in zip(indices, found, strict=True):
                    rows[index] = row

        alone: list[NDArray[np.intp]] = []  # large pages run one after the other to save memory
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


def iterate_chunks(images: Iterable[ImageInput]) -> Iterator[list[Page | ImageError]]:
    """Decode pictures in chunks, so that any number of them fits into memory.

    Yields:
        Pages in order; the error for a picture that cannot be read.
    """
    waiting: list[Page | ImageError] = []
    pixels = 0
    for image in images:
        page = _try_page(image)
        waiting.append(page)
        pixels += 0 if isinstance(page, ImageError) else page.size
        if len(waiting) == CHUNK_SIZE or pixels > MAX_CHUNK_PIXELS:
            yield waiting
            waiting, pixels = [], 0
    yield waiting


def iterate_answers(
    images: Iterable[ImageInput], answer: Callable[[list[Page]], Iterable[_Answer]]
) -> Iterator[_Answer | ImageError]:
    """Decode pictures in chunks and answer the readable ones.

    Args:
        images: single pictures.
        answer: answers pages, in order.

    Yields:
        One answer per picture, in order; the error for a picture that cannot be read.
    """
    for pages in iterate_chunks(images):
        answers = iter(answer([page for page in pages if not isinstance(page, ImageError)]))
        for page in pages:
            yield page if isinstance(page, ImageError) else next(answers)


def iterate_results(
    images: Pictures, answer: Callable[[list[Page]], Iterable[_Result]], *, keep_pictures: bool
) -> Iterator[_Result | ImageError]:
    """Like `iterate_answers`; each result also says where its picture came from.

    Args:
        images: pictures, see `iterate_pictures`.
        answer: answers pages, in order.
        keep_pictures: keep a reference to arrays and the like, to draw on.
    """
    sources: deque[Source | None] = deque()

    def noted() -> Iterator[ImageInput]:
        for image in iterate_pictures(images):
            source = Source.of(image)
            sources.append(source if keep_pictures or source.path is not None else None)
            yield image

    for result in iterate_answers(noted(), answer):
        source = sources.popleft()
        yield result if source is None or isinstance(result, ImageError) else result.at(source)


def require_answers(answers: Iterable[_Answer | ImageError]) -> list[_Answer]:
    """Collect answers; raises the first error among them."""
    found = []
    for answer in answers:
        if isinstance(answer, ImageError):
            raise answer
        found.append(answer)
    return found


def packaged_model(name: str) -> Path:
    """The file of a model in the package."""
    return Path(str(resources.files("number_prediction") / "assets" / "models" / f"{name}.onnx"))


def require_results(results: Iterable[_Result | ImageError]) -> Results[_Result]:
    """Collect results; raises the first error among them."""
    return Results(require_answers(results))


def _find(model: str | os.PathLike[str] | None, packaged: str) -> Path:
    if model is None:
        return packaged_model(packaged)
    path = Path(model)
    if model == LATEST and not path.exists():
        path = _find_latest()
    if path.is_dir():
        path = path / "model.onnx"
    if not path.is_file():
        raise ModelError(f"{path}: no such model; give a model.onnx or the folder of a finished run")
    return path


def _find_latest() -> Path:
    """The model that was written last, of all runs below RUNS."""
    found = list(Path(RUNS).glob("*/model.onnx"))
    if not found:
        raise ModelError(f"no finished run below {RUNS}, so there is no latest model; train one first")
    return max(found, key=lambda path: path.stat().st_mtime)


def _read_verified(path: Path, *, manifest_required: bool) -> tuple[bytes, dict[str, Any] | None]:
    """Read a model file and its manifest, if there is one, and compare their SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: the file cannot be read ({error.strerror}); install the package again"
        ) from error
    if not manifest_required and not manifest_path(path).exists():
        return content, None
    manifest = read_manifest(path)
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise ModelError(
            f"{path}: the file was altered, its SHA-256 differs from {manifest_path(path).name}; "
            "export the model again or install the package again"
        )
    return content, manifest


def _load(content: bytes, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # batches in parallel are faster than threads inside a batch
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise ModelError(f"{path}: not a usable ONNX model ({error}); export it again") from error


def _try_page(image: ImageInput) -> Page | ImageError:
    try:
        return to_page(image)
    except ImageError as error:
        return error


def _batches(pages: Sequence[Page] | NDArray[np.uint8]) -> Iterator[NDArray[np.intp]]:
    """Group pages of one size: at most BATCH_SIZE pages and about MAX_BATCH_PIXELS pixels a batch."""
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
