"""Checkpoints: named tensors and a little JSON in one safetensors file, written whole or not at all."""

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
    """Write a checkpoint so that `path` is at any moment either the old one or the new one, whole.

    Raises:
        OSError: the disk is full or not writable; the checkpoint that was there stays.
    """
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {_METADATA_KEY: json.dumps(metadata)},
    )
    write_atomically(path, content)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors on the CPU and metadata of a checkpoint; nothing is unpickled."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = json.loads(file.metadata()[_METADATA_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise TrainingError(f"{path}: no checkpoint there; start the training anew") from None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: not a checkpoint of this program ({error})") from error
