"""Checkpoints: named tensors and a little JSON in one safetensors file, replaced atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from number_prediction.errors import TrainingError
from number_prediction.files import write_atomically

_METADATA_KEY = "number_prediction"  # safetensors metadata holds text only


def save_checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write a checkpoint; at any moment `path` is either the complete old one or the complete new one.

    Raises:
        OSError: the disk is full or not writable; the old checkpoint stays.
    """
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {_METADATA_KEY: json.dumps(metadata)},
    )
    write_atomically(path, content)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load the tensors, on the CPU, and the metadata of a checkpoint; nothing is unpickled."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = json.loads(file.metadata()[_METADATA_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such checkpoint; train again") from None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path}: not a checkpoint of number_prediction ({error}); train again"
        ) from error
