"""Torch modules -> ONNX files, and the parity that torch and ONNX Runtime must have."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from number_prediction.errors import ModelError

PROBABILITY_TOLERANCE = 1e-4
"""Largest difference between two probabilities that still counts as equal."""
ODD_SHAPES = ((1, 1), (1, 57), (57, 1), (2, 2), (28, 28), (31, 17), (150, 90), (300, 400))
"""Sizes (H, W) of random pictures in every parity check."""


@dataclass(frozen=True)
class Parity:
    """Differences between torch and ONNX Runtime."""

    pictures: int
    different_labels: int
    """Answers that differ: labels, abstentions and findings of digits, texts of numbers."""
    largest_difference: float
    """Largest difference between two probabilities."""

    def require(self, tolerance: float = PROBABILITY_TOLERANCE) -> None:
        """Raise ModelError if they disagree, in a probability by more than `tolerance`."""
        if self.different_labels or not self.largest_difference <= tolerance:
            raise ModelError(
                f"torch and ONNX Runtime disagree: {self.different_labels} labels of {self.pictures} differ, "
                f"probabilities by up to {self.largest_difference:.2g}; nothing was exported"
            )


def convert(graph: nn.Module, outputs: Sequence[str], metadata: Mapping[str, Any]) -> bytes:
    """Convert a graph, page (batch, height, width) uint8 -> `outputs`, with `metadata` as JSON."""
    dim = torch.export.Dim
    example = torch.zeros(2, 30, 31, dtype=torch.uint8)  # three sizes that no other tensor has
    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registry.level
    registry.setLevel(logging.ERROR)  # it warns about missing torchvision, which is not needed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's exporter calls deprecated functions
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                dynamic_shapes={"page": {0: dim("batch"), 1: dim("height"), 2: dim("width")}},
                input_names=["page"],
                output_names=list(outputs),
                verbose=False,
            )
    finally:
        registry.setLevel(level)
    if program is None:
        raise ModelError("torch.onnx.export returned nothing")
    model = program.model_proto
    model.producer_name = "number_prediction"
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces with this machine's paths
        node.doc_string = ""
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def candidate(content: bytes) -> Iterator[Path]:
    """A temporary file of that content, for checking it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "candidate.onnx"
        path.write_bytes(content)
        yield path
