"""Manifest: what a model file is, how it was trained and what was measured.

It lies beside the model as JSON and as a model card: digit.onnx, digit.json, digit.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from number_prediction.errors import ModelError
from number_prediction.files import write_atomically
from number_prediction.models.card import model_card


def manifest_path(model: Path) -> Path:
    """Return the path of the manifest of a model file."""
    return model.with_suffix(".json")


def read_manifest(model: Path) -> dict[str, Any]:
    """Read the manifest beside a model file; raises ModelError if it is missing or malformed."""
    path = manifest_path(model)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest["sha256"], str):
            raise TypeError("sha256 is not text")
        return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not the manifest of a model ({error}); export the model again") from error


def write_manifest(model: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest and the model card beside a model file."""
    write_atomically(manifest_path(model), json.dumps(manifest, indent=2) + "\n")
    write_atomically(model.with_suffix(".md"), model_card(manifest))


def record_evaluation(model: Path, name: str, summary: Mapping[str, Any]) -> None:
    """Add the figures of an evaluation to the manifest and the card of a model."""
    manifest = read_manifest(model)
    write_manifest(model, {**manifest, "evaluations": {**manifest["evaluations"], name: dict(summary)}})
