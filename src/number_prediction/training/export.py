"""A run's checkpoint -> one ONNX file with its manifest and model card, behind a parity check.

The file that is written answers as torch does over all 10,000 MNIST test images (the pictures only; their
labels are not looked at) and over pictures of odd sizes; where it does not, nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from number_prediction.files import write_atomically
from number_prediction.findings import MEASURES
from number_prediction.manifests import manifest_path, read_manifest, write_manifest
from number_prediction.mnist import load_mnist
from number_prediction.predictor import CLASSES_KEY, MEASURES_KEY, OUTPUTS, GraphAnswer, Predictor
from number_prediction.runs import Run
from number_prediction.training.graph import DigitGraph
from number_prediction.training.state import TrainedNetwork, load_trained
from number_prediction.types import NOT_A_DIGIT, ModelError

PROBABILITY_TOLERANCE = 1e-4
FINDINGS_TOLERANCE = 1e-3
ODD_SHAPES = ((1, 1), (1, 57), (57, 1), (2, 2), (28, 28), (31, 17), (150, 90), (300, 400))
"""Sizes (H, W) of the random pictures that are compared besides MNIST's."""
_CHUNK = 500


@dataclass(frozen=True)
class Parity:
    """How far torch and ONNX Runtime are apart."""

    pictures: int
    different_labels: int
    """Labels, abstentions and findings that differ."""
    largest_difference: float
    """Between any two probabilities."""

    @property
    def holds(self) -> bool:
        return self.different_labels == 0 and self.largest_difference <= PROBABILITY_TOLERANCE


def export_run(run: Run, *, output: Path | None = None) -> Path:
    """Write a run's model as ONNX, with manifest (.json) and model card (.md) beside it.

    Args:
        run: a run with a checkpoint.
        output: the file to write; by default model.onnx in the run's folder.

    Returns:
        The file written.

    Raises:
        ModelError: torch and ONNX Runtime disagree; what stood there stays.
    """
    output = output or run.model_path
    trained = load_trained(run)
    if not output.parent.is_dir():
        raise ModelError(f"{output.parent}: no such folder to export to; make it first")
    abstains = trained.classes[-1] == NOT_A_DIGIT
    classes = trained.classes[:-1] if abstains else trained.classes
    graph = DigitGraph(trained.network, temperature=trained.temperature, abstains=abstains).eval()
    content = to_onnx(graph, classes)
    candidate = output.with_name(f".{output.name}.candidate")
    try:
        write_atomically(candidate, content)
        parity = check_parity(graph, Predictor(candidate), trained.threshold)
    finally:
        candidate.unlink(missing_ok=True)
    manifest = _manifest(run, trained, classes, content, parity)
    manifest_path(output).unlink(missing_ok=True)  # it would refuse the new model
    write_atomically(output, content)
    write_manifest(output, manifest)
    return output


def to_onnx(graph: DigitGraph, classes: tuple[str, ...]) -> bytes:
    """The ONNX file of a graph: page (batch, height, width) uint8 -> OUTPUTS."""
    dim = torch.export.Dim
    example = torch.zeros(2, 30, 31, dtype=torch.uint8)  # three sizes that nothing else has
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)  # it warns that torchvision is missing, which nothing here needs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's exporter calls what torch deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                dynamic_shapes={"page": {0: dim("batch"), 1: dim("height"), 2: dim("width")}},
                input_names=["page"],
                output_names=list(OUTPUTS),
                verbose=False,
            )
    finally:
        registry.setLevel(level)
    if program is None:
        raise ModelError("torch.onnx.export returned nothing")
    model = program.model_proto
    model.producer_name = "number_prediction"
    del model.metadata_props[:]
    model.metadata_props.add(key=CLASSES_KEY, value=json.dumps(classes))
    model.metadata_props.add(key=MEASURES_KEY, value=json.dumps(MEASURES))
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces with paths of the exporting machine
        node.doc_string = ""
    content: bytes = model.SerializeToString()
    return content


def check_parity(graph: DigitGraph, predictor: Predictor, threshold: float) -> Parity:
    """Compare torch and ONNX Runtime; an `is_digit` below `threshold` is an abstention.

    Raises:
        ModelError: they disagree.
    """
    generator = np.random.default_rng(0)
    odd = [generator.integers(0, 256, (3, *shape), np.uint8) for shape in ODD_SHAPES]
    different, largest, pictures = 0, 0.0, 0
    for pages in (load_mnist().test.images, *odd):
        assert isinstance(pages, np.ndarray)
        expected, answer = _run_torch(graph, pages), predictor.run(pages)
        difference = np.abs(expected.probabilities - answer.probabilities).max()
        different += int((expected.probabilities.argmax(1) != answer.probabilities.argmax(1)).sum())
        different += int(((expected.is_digit >= threshold) != (answer.is_digit >= threshold)).sum())
        alike = np.isclose(
            expected.findings, answer.findings, rtol=FINDINGS_TOLERANCE, atol=FINDINGS_TOLERANCE
        )
        different += int((~alike).any(1).sum())
        largest = max(largest, float(difference))
        pictures += len(pages)
    parity = Parity(pictures, different, largest)
    if not parity.holds:
        raise ModelError(
            f"torch and ONNX Runtime disagree: {parity.different_labels} labels of {parity.pictures} differ, "
            f"probabilities by up to {parity.largest_difference:.2g}; nothing was exported"
        )
    return parity


@torch.no_grad()
def _run_torch(graph: DigitGraph, pages: NDArray[np.uint8]) -> GraphAnswer:
    answers = [graph(torch.tensor(pages[i : i + _CHUNK])) for i in range(0, len(pages), _CHUNK)]
    frames, probabilities, is_digit, _, findings = (
        torch.cat(parts).numpy() for parts in zip(*answers, strict=True)
    )
    return GraphAnswer(frames, probabilities, is_digit, findings)


def _manifest(
    run: Run, trained: TrainedNetwork, classes: tuple[str, ...], content: bytes, parity: Parity
) -> dict[str, Any]:
    settings = run.settings()
    sha256 = hashlib.sha256(content).hexdigest()
    evaluations: dict[str, Any] = {}
    if manifest_path(run.model_path).exists():
        known = read_manifest(run.model_path)
        evaluations = known["evaluations"] if known["sha256"] == sha256 else {}
    return {
        "sha256": sha256,
        "bytes": len(content),
        "classes": list(classes),
        "is_digit_threshold": trained.threshold,
        "input": "page: (batch, height, width) uint8, any size",
        "outputs": {
            "frame": "(batch, 28, 28) float32 in [0, 1]",
            "probabilities": f"(batch, {len(classes)}) float32",
            "is_digit": "(batch,) float32 in [0, 1]; 0 where the page is blank",
            "ink": "(batch, height, width) float32 in [0, 1]; of pages of more than 1024 a side, reduced",
            "findings": f"(batch, {len(MEASURES)}) float32: {', '.join(MEASURES)}",
        },
        "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "training": {
            "command": settings.command,
            "recipe": dict(settings.recipe),
            "data": settings.data if settings.data == "mnist" else Path(settings.data).name,
            "seed": settings.seed,
            "threads": settings.threads,
            "precision": settings.precision,
            "steps": trained.steps,
            "seconds": round(trained.seconds, 2),
            "temperature": round(trained.temperature, 4),
            "environment": dict(settings.environment),
        },
        "parity": asdict(parity),
        "evaluations": evaluations,
    }
