"""Batches: the whole training set as one tensor on the device, cut by random permutations, augmented.

What goes out is (frames (B, 28, 28) float32 in [0, 1], labels (B,) int64), endlessly; what remains of an
epoch after its last full batch is left out. The state that a checkpoint needs is three small tensors.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Generator, Tensor

from number_prediction.splits import Split
from number_prediction.training.augment import Augmentation
from number_prediction.training.rewriting import Rewriting


class Batches:
    """An endless, seeded, resumable stream of augmented batches."""

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        augmentation: Augmentation | Rewriting,
        seed: int,
        device: torch.device,
    ) -> None:
        """`split` holds frames (N, 28, 28) uint8; `batch_size` is cut to N."""
        self.images = torch.tensor(split.images, device=device)
        self.labels = torch.tensor(split.labels, dtype=torch.int64, device=device)
        self.batch_size = min(batch_size, len(split))
        self.augmentation = augmentation
        content = hashlib.sha256(np.asarray(split.images).tobytes())
        content.update(split.labels.tobytes())
        self.data_sha256 = content.hexdigest()
        """Of images and labels, hexadecimal: a checkpoint goes with its data."""
        self.generator = Generator().manual_seed(seed)
        self._begin_epoch()

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.labels) // self.batch_size

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: frames (B, 28, 28) float32, labels (B,) int64."""
        if self.position == len(self):
            self._begin_epoch()
        begin = self.position * self.batch_size
        indices = self.permutation[begin : begin + self.batch_size].to(self.images.device)
        self.position += 1
        frames = self.images[indices].to(torch.float32) / 255
        return self.augmentation(frames, self.generator), self.labels[indices]

    def state(self) -> dict[str, Tensor]:
        """Where the stream stands."""
        return {
            "epoch_start": self.epoch_start,
            "generator": self.generator.get_state(),
            "position": torch.tensor(self.position),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on where `state` was taken."""
        self.generator.set_state(state["epoch_start"])
        self._begin_epoch()
        self.generator.set_state(state["generator"])
        self.position = int(state["position"])

    def _begin_epoch(self) -> None:
        self.epoch_start = self.generator.get_state()
        self.permutation = torch.randperm(len(self.labels), generator=self.generator)
        self.position = 0
