"""Manifests: what a model file is, how it was made and what was measured; as JSON and as a model card.

They lie beside the model: digit.onnx, digit.json, digit.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from number_prediction.files import write_atomically
from number_prediction.types import ModelError


def manifest_path(model: Path) -> Path:
    """Where the manifest of a model file lies."""
    return model.with_suffix(".json")


def read_manifest(model: Path) -> dict[str, Any]:
    """The manifest beside a model file; raises ModelError where it is missing or something else."""
    path = manifest_path(model)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest["sha256"], str):
            raise TypeError("sha256 is not text")
        return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not the manifest of a model ({error}); export it again") from error


def write_manifest(model: Path, manifest: Mapping[str, Any]) -> None:
    """Write manifest and model card beside a model file."""
    write_atomically(manifest_path(model), json.dumps(manifest, indent=2) + "\n")
    write_atomically(model.with_suffix(".md"), model_card(manifest))


def record_evaluation(model: Path, name: str, summary: Mapping[str, Any]) -> None:
    """Put the figures of an evaluation of that model into its manifest and card."""
    manifest = read_manifest(model)
    write_manifest(model, {**manifest, "evaluations": {**manifest["evaluations"], name: dict(summary)}})


def model_card(manifest: Mapping[str, Any]) -> str:
    """The model card of an exported model (after Mitchell et al., 2019)."""
    training, recipe = manifest["training"], manifest["training"]["recipe"]
    environment = training["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["packages"].items() if version)
    lines = [
        f"# Model card: {recipe['name']} on {training['data']}",
        "",
        f"Reads one handwritten character of the classes {', '.join(manifest['classes'])} from a picture: "
        f"{recipe['summary']}.",
        "",
        f"- SHA-256 `{manifest['sha256']}`, {manifest['bytes']:,} bytes, "
        f"{manifest['parameters']:,} parameters",
        f"- Input: {manifest['input']}",
        *(f"- Output `{name}`: {text}" for name, text in manifest["outputs"].items()),
        "",
        "## Training",
        "",
        f"    {training['command']}",
        "",
        f"Seed {training['seed']}, {training['threads']} threads, {training['precision']}, "
        f"{training['steps']:,} batches of {recipe['batch_size']}, {training['seconds']} s on "
        f"{environment['processor']} ({environment['cores']} cores). Python {environment['python']}, "
        f"{versions}; temperature {training['temperature']}; commit {environment['commit'] or 'unknown'}.",
        "",
        "## Figures",
        "",
        *_figures(manifest["evaluations"]),
        f"ONNX Runtime against torch over {manifest['parity']['pictures']:,} pictures: "
        f"{manifest['parity']['different_labels']} labels differ, probabilities by at most "
        f"{manifest['parity']['largest_difference']:.1e}.",
        "",
        "## Limits",
        "",
        _limits(abstains=recipe.get("companions") is not None),
        "",
    ]
    return "\n".join(lines)


def _limits(*, abstains: bool) -> str:
    known = (
        "One character a picture; of several marks the heaviest near the middle is read, and whole ones "
        "beside it stay in the frame. Rules and squares are removed where they cross the whole picture. "
    )
    if abstains:
        return known + (
            "Blank paper is refused, and `is_digit` tells letters, signs, scribbles and several digits from "
            "a digit, as far as they are like those that were generated for the training."
        )
    return known + "Only a blank picture is refused (`is_digit` 0); a letter is answered."


def _figures(evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not evaluations:
        return ["Not evaluated yet: `number-prediction evaluate RUN`.", ""]
    rows = [
        "| measured on | pictures | accuracy | 95% interval | log loss | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for part, summary in evaluations.items():
        low, high = summary["accuracy_interval_95"]
        rows.append(
            f"| {part} | {summary['pictures']:,} | {100 * summary['accuracy']:.2f}% "
            f"| {100 * low:.2f} to {100 * high:.2f}% | {summary['log_loss']:.4f} "
            f"| {summary['expected_calibration_error']:.4f} |"
        )
    return [*rows, ""]
