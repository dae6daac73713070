"""Predictor: pictures -> predictions, through ONNX Runtime. No torch.

All knowledge of pictures (ink, framing, normalisation, network, softmax) is inside the ONNX graph; here a
picture is decoded, handed over, and the answer is put into words.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from number_prediction.findings import MEASURES, find_warnings
from number_prediction.images import ImageInput, Page, to_page
from number_prediction.manifests import manifest_path, read_manifest
from number_prediction.types import DEFAULT_THRESHOLD, FRAME_SIZE, DigitPrediction, ImageError, ModelError

BATCH_SIZE = 50
"""Pages a call of the graph; larger batches are no faster and take more memory."""
MAX_BATCH_PIXELS = 500_000
"""Pixels a call of the graph, where one page has not more."""
CHUNK_SIZE = 1000
"""Pictures decoded before the graph is called."""
MAX_CHUNK_PIXELS = 8_000_000
"""Pixels decoded before the graph is called."""
OUTPUTS = ("frame", "probabilities", "is_digit", "ink", "findings")
"""Outputs of the graph, in order."""
CLASSES_KEY = "classes"
"""ONNX metadata: the class names as a JSON list."""
MEASURES_KEY = "findings"
"""ONNX metadata: the names of what the graph measures, as a JSON list."""


Pictures: TypeAlias = "Iterable[ImageInput] | NDArray[np.generic]"


@dataclass(frozen=True, eq=False)
class GraphAnswer:
    """Outputs of the graph for N pages."""

    frames: NDArray[np.float32]
    """(N, 28, 28) float32 in [0, 1]."""
    probabilities: NDArray[np.float32]
    """(N, C) float32."""
    is_digit: NDArray[np.float32]
    """(N,) float32 in [0, 1]."""
    findings: NDArray[np.float32]
    """(N, K) float32: what was measured, in the order of the predictor's `measures`."""
    inks: tuple[NDArray[np.float32], ...] | None = None
    """N times (h, w) float32 in [0, 1]: the ink that was kept; None unless asked for."""


class Predictor:
    """A loaded model. Make one and keep it; it may be used by several threads at once."""

    def __init__(self, model: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> None:
        """Load and check a model.

        Args:
            model: an exported model.onnx, or a run's folder; by default the model in the package.
            threads: batches that are run at once, each on one thread; by default one a core.

        Raises:
            ModelError: missing, altered since its manifest was written, or not a digit graph.
        """
        self.path = _find(model)
        content, self.manifest = _read_verified(self.path, manifest_required=model is None)
        """The manifest beside the model file, see `manifests`; None where there is none."""
        self.sha256 = hashlib.sha256(content).hexdigest()
        """SHA-256 of the model file, hexadecimal."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # whole batches side by side are faster than threads inside one
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base
            raise ModelError(f"{self.path}: not an ONNX model that can be run ({error})") from error
        outputs = [output.name for output in self._session.get_outputs()]
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.measures: tuple[str, ...] = tuple(json.loads(metadata.get(MEASURES_KEY, "[]")))
        """(K,) the names of what the graph measures of each picture."""
        is_complete = CLASSES_KEY in metadata and set(MEASURES) <= set(self.measures)
        if outputs != list(OUTPUTS) or not is_complete:
            raise ModelError(f"{self.path}: not a digit graph; export one with number-prediction export RUN")
        self.classes: tuple[str, ...] = tuple(json.loads(metadata[CLASSES_KEY]))
        """(C,) the names of the classes."""
        self.threshold = float((self.manifest or {}).get("is_digit_threshold", DEFAULT_THRESHOLD))
        """Below this `is_digit` the model abstains."""
        self.threads = threads or os.cpu_count() or 1
        """Batches that are run at once."""

    def read_model(self) -> bytes:
        """Content of the model file; raises ModelError where it changed since it was loaded."""
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(f"{self.path}: the file was altered since it was loaded; load it again")
        return content

    def predict_digits(self, images: Pictures, *, explain: bool = False) -> list[DigitPrediction]:
        """Read one digit from each picture.

        Args:
            images: pictures as `to_page` takes them: paths, bytes, PIL images, arrays (H, W), (H, W, 3),
                (H, W, 4), of any sizes; or one array (N, H, W), (N, H, W, 3) or (N, H, W, 4).
            explain: keep with each prediction the page, and the ink that was found on it.

        Returns:
            One prediction a picture, in order.

        Raises:
            ImageError: a picture cannot be read, or a single picture was given instead of several.
        """
        predictions = []
        for answer in self.iterate_digits(images, explain=explain):
            if isinstance(answer, ImageError):
                raise answer
            predictions.append(answer)
        return predictions

    def iterate_digits(
        self, images: Pictures, *, explain: bool = False
    ) -> Iterator[DigitPrediction | ImageError]:
        """As `predict_digits`, for any number of pictures in little memory.

        Yields:
            One prediction a picture, in order; for one that cannot be read, the error instead.

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
                yield from self._answer(waiting, explain)
                waiting, pixels = [], 0
        yield from self._answer(waiting, explain)

    def run(self, pages: Sequence[Page] | NDArray[np.uint8], *, with_ink: bool = False) -> GraphAnswer:
        """Run the graph over pages (H, W) uint8 of any sizes; pages of one size share its calls.

        Raises:
            ModelError: an answer is no number.
        """
        inks = [np.empty((0, 0), np.float32)] * len(pages)
        answer = GraphAnswer(
            np.empty((len(pages), FRAME_SIZE, FRAME_SIZE), np.float32),
            np.empty((len(pages), len(self.classes)), np.float32),
            np.empty(len(pages), np.float32),
            np.empty((len(pages), len(self.measures)), np.float32),
        )
        wanted = ["frame", "probabilities", "is_digit", "findings", *(["ink"] if with_ink else [])]

        def run_batch(indices: NDArray[np.intp]) -> None:
            batch = pages[indices] if isinstance(pages, np.ndarray) else np.stack([pages[i] for i in indices])
            frames, probabilities, is_digit, findings, *ink = self._session.run(wanted, {"page": batch})
            answer.frames[indices], answer.probabilities[indices] = frames, probabilities
            answer.is_digit[indices], answer.findings[indices] = is_digit, findings
            if with_ink:
                for index, found in zip(indices, ink[0], strict=True):
                    inks[index] = found

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
        if not np.isfinite(answer.probabilities).all():
            raise ModelError(f"{self.path}: answers with NaN; train and export the model anew")
        return replace(answer, inks=tuple(inks)) if with_ink else answer

    def _answer(
        self, pages: Sequence[Page | ImageError], explain: bool
    ) -> Iterator[DigitPrediction | ImageError]:
        answer = self.run([page for page in pages if not isinstance(page, ImageError)], with_ink=explain)
        index = 0
        for page in pages:
            if isinstance(page, ImageError):
                yield page
                continue
            is_digit = float(answer.is_digit[index])
            probabilities = answer.probabilities[index]
            yield DigitPrediction(
                label=int(probabilities.argmax()) if is_digit >= self.threshold else None,
                probabilities=probabilities,
                is_digit=is_digit,
                frame=answer.frames[index],
                classes=self.classes,
                warnings=find_warnings(
                    dict(zip(self.measures, answer.findings[index].tolist(), strict=True))
                ),
                page=page if explain else None,
                ink=None if answer.inks is None else answer.inks[index],
            )
            index += 1


def _find(model: str | os.PathLike[str] | None) -> Path:
    if model is None:
        return Path(str(resources.files("number_prediction") / "assets" / "models" / "digit.onnx"))
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
