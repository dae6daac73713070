"""A run's checkpoint -> one ONNX file with its manifest and model card.

A parity check comes first: if ONNX Runtime does not answer like torch, nothing is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from number_prediction.datasets.mnist import load_mnist
from number_prediction.errors import ModelError
from number_prediction.files import write_atomically
from number_prediction.models.manifest import manifest_path, read_manifest, write_manifest
from number_prediction.runs.run import Run, Settings
from number_prediction.training.export import digits as digits_export
from number_prediction.training.export import numbers as numbers_export
from number_prediction.training.export.onnx_files import Parity
from number_prediction.training.loop.open_sources import LEFT_OUT
from number_prediction.training.loop.trained import TrainedNetwork, load_trained
from number_prediction.training.networks import ppocr


def export_run(run: Run, *, output: Path | None = None) -> Path:
    """Write a run's model as ONNX, with manifest (.json) and model card (.md) beside it.

    A model for digits that gets a place of its own is compared with torch on PARITY_PICTURES of MNIST's test
    part, without their labels; one that stays in its run on QUICK_PARITY_PICTURES.

    Args:
        run: a run with a checkpoint.
        output: the file to write; by default model.onnx in the run's folder.

    Returns:
        The file written.

    Raises:
        ModelError: torch and ONNX Runtime disagree; an older file stays.
    """
    pictures = digits_export.QUICK_PARITY_PICTURES if output is None else digits_export.PARITY_PICTURES
    output = output or run.model_path
    trained = load_trained(run)
    if not output.parent.is_dir():
        raise ModelError(f"{output.parent}: no such folder; create it before exporting to it")
    settings = run.settings()
    if not settings.reads_numbers:
        trained = digits_export.round_ink(trained)
        content = digits_export.to_onnx(trained.graph(), trained.names)
        pages = load_mnist().test.images[:pictures]
        parity = digits_export.check_content(content, trained, pages=pages)
        manifest = describe_digit_model(content, trained, settings, parity)
    else:
        content = numbers_export.to_onnx(numbers_export.number_graph(trained))
        parity = numbers_export.check_content(content, trained)
        manifest = {
            **_describe(content, trained, settings, parity),
            "outputs": numbers_export.describe_outputs(trained),
        }
    write_model(output, content, {**manifest, "evaluations": _known(run, content)})
    return output


def write_model(output: Path, content: bytes, manifest: Mapping[str, Any]) -> None:
    """Write a model file with its manifest and model card into an existing folder."""
    manifest_path(output).unlink(missing_ok=True)  # the old manifest would refuse the new model
    write_atomically(output, content)
    write_manifest(output, manifest)


def describe_digit_model(
    content: bytes, trained: TrainedNetwork, settings: Settings, parity: Parity
) -> dict[str, Any]:
    """The manifest of a model for digits that is not evaluated yet."""
    return {
        **_describe(content, trained, settings, parity),
        "is_digit_threshold": trained.threshold,
        "outputs": digits_export.describe_outputs(trained.names),
    }


def _describe(content: bytes, trained: TrainedNetwork, settings: Settings, parity: Parity) -> dict[str, Any]:
    """Facts of the file, the settings of its training, and the result of the parity check."""
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "classes": list(trained.names),
        "input": "page: (batch, height, width) uint8, any size",
        "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "training": {
            "command": settings.command,
            "recipe": dict(settings.recipe),
            "data": settings.data if settings.data == "mnist" else Path(settings.data).name,
            "sources": [
                {**source, "use": "calibration" if source["name"] in LEFT_OUT else "training"}
                for source in settings.sources
            ],
            "ink": None if settings.ink is None else _describe_ink(Run(Path(settings.ink))),
            "started_from": {"name": ppocr.NAME, "sha256": ppocr.SHA256}
            if settings.recipe.get("paper_lines") is not None
            else None,
            "seed": settings.seed,
            "threads": settings.threads,
            "processes": settings.processes,
            "precision": settings.precision,
            "steps": trained.steps,
            "seconds": round(trained.seconds, 2),
            "temperature": round(trained.temperature, 4),
            "environment": dict(settings.environment),
        },
        "parity": asdict(parity),
        "evaluations": {},
    }


def _describe_ink(run: Run) -> dict[str, Any]:
    """How the ink network was trained."""
    settings, last = run.settings(), run.records()[-1]
    return {
        "command": settings.command,
        "steps": last.step,
        "batch_size": settings.recipe["batch_size"],
        "seconds": round(last.seconds, 2),
    }


def _known(run: Run, content: bytes) -> dict[str, Any]:
    """The evaluations of a run's model, if it is the same file."""
    if not manifest_path(run.model_path).exists():
        return {}
    manifest = read_manifest(run.model_path)
    is_same = manifest["sha256"] == hashlib.sha256(content).hexdigest()
    return dict(manifest["evaluations"]) if is_same else {}
