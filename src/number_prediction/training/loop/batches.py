"""Endless, seeded, resumable streams of training batches. Their state for a checkpoint is a few tensors.

Digits: the whole training set is one tensor on the device, cut by random permutations and augmented: frames
(B, 28, 28) float32 in [0, 1], labels (B,) int64. Pictures after the last full batch of an epoch are skipped.
Lines: composed when they are needed: frames (B, 40, W), texts.

Each of several processes gets its share of a batch. For digits, all shares together are the batch that one
process would have. For lines, each process composes its own.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

from number_prediction.datasets.split import Split
from number_prediction.training.augmentation.affine import Augmentation
from number_prediction.training.augmentation.both_frames import Shaking
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.loop.lessons import Lesson
from number_prediction.training.synthesis.crops import CropComposer
from number_prediction.training.synthesis.lines import LineComposer, Written

REFERENCE_WIDTH_PX = 144
"""Width of lines at which a batch holds `batch_size` of them."""
BATCH_SHARES_BY_WIDTH_PX = {64: 0.15, 96: 0.25, 144: 0.25, 208: 0.2, 288: 0.15}
"""Width of the lines of a batch -> share of the batches."""


Targets: TypeAlias = "Tensor | Written | Lesson"
"""The right answers of a batch."""


class Stream(Protocol):
    """An endless, seeded, resumable stream of batches."""

    batch_size: int
    """Size of a batch over all processes."""
    data_sha256: str
    """SHA-256 of the training data, hexadecimal; a checkpoint fits one data set only."""

    def __len__(self) -> int:
        """Batches per epoch."""

    def next(self, progress: float = 0.0) -> tuple[Tensor, Targets]:
        """The process's share of the next batch: input on the device, and right answers.

        `progress` is the share of the training that is done.
        """

    def state(self) -> dict[str, Tensor]:
        """Position of the stream."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from the position of `state`."""


class Batches:
    """An endless, seeded, resumable stream of augmented batches."""

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        augmentation: Augmentation | Rewriting | Shaking,
        seed: int,
        device: torch.device,
        augmented: float = 1.0,
        world: World = ALONE,
    ) -> None:
        """`split` holds frames (N, 28, 28) uint8; `batch_size` is at most N.

        Only batches in the first share `augmented` of the training are augmented.
        """
        self.images = torch.tensor(split.images, device=device)
        self.labels = torch.tensor(split.labels, dtype=torch.int64, device=device)
        self.batch_size = min(batch_size, len(split))
        world.require_shares(self.batch_size)
        self._share = world.share(self.batch_size)
        self.augmentation, self._augmented = augmentation, augmented
        content = hashlib.sha256(np.ascontiguousarray(split.images).data)
        content.update(split.labels.tobytes())
        self.data_sha256 = content.hexdigest()
        """SHA-256 of images and labels, hexadecimal."""
        self.generator = Generator().manual_seed(seed)
        self._begin_epoch()

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self.labels) // self.batch_size

    def next(self, progress: float = 0.0) -> tuple[Tensor, Tensor]:
        """The process's share of the next batch: frames (B, 28, 28) float32, labels (B,) int64."""
        if self.position == len(self):
            self._begin_epoch()
        begin = self.position * self.batch_size
        indices = self.permutation[begin : begin + self.batch_size].to(self.images.device)
        self.position += 1
        frames = self.images[indices].to(torch.float32) / 255
        labels = self.labels[indices][self._share]
        if progress >= self._augmented:
            return frames[self._share], labels
        return self.augmentation(frames, self.generator, self._share), labels

    def state(self) -> dict[str, Tensor]:
        """Position of the stream."""
        return {
            "epoch_start": self.epoch_start,
            "generator": self.generator.get_state(),
            "position": torch.tensor(self.position),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from the position of `state`."""
        self.generator.set_state(state["epoch_start"])
        self._begin_epoch()
        self.generator.set_state(state["generator"])
        self.position = int(state["position"])

    def _begin_epoch(self) -> None:
        self.epoch_start = self.generator.get_state()
        self.permutation = torch.randperm(len(self.labels), generator=self.generator)
        self.position = 0


Answer = TypeVar("Answer", bound=Targets)


class ComposedBatches(ABC, Generic[Answer]):
    """An endless, seeded, resumable stream of batches that are composed when they are needed.

    Batches come in chunks. The next chunk is composed while the network learns from the current one.
    """

    def __init__(
        self, *, batch_size: int, epoch: int, device: torch.device, data_sha256: str, chunk_batches: int = 1
    ) -> None:
        """`batch_size`: over all processes; `epoch`: pictures that count as one."""
        self.batch_size, self.device, self.data_sha256 = batch_size, device, data_sha256
        self._epoch, self._chunk_batches, self.position = epoch, chunk_batches, 0
        self._ahead = ThreadPoolExecutor(1, "batches")
        self._composed: tuple[int, Sequence[tuple[Tensor, Answer]]] | None = None
        self._coming: tuple[int, Future[Sequence[tuple[Tensor, Answer]]]] | None = None

    @abstractmethod
    def _compose(self, chunk: int) -> Sequence[tuple[Tensor, Answer]]:
        """The process's share of each batch of a chunk, on the device."""

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._epoch // self.batch_size

    def next(self, progress: float = 0.0) -> tuple[Tensor, Answer]:  # noqa: ARG002 all are composed alike
        """The process's share of the next batch: input on the device, and right answers."""
        chunk, place = divmod(self.position, self._chunk_batches)
        if self._composed is None or self._composed[0] != chunk:
            if self._coming is None or self._coming[0] != chunk:
                self._coming = chunk, self._ahead.submit(self._compose, chunk)
            self._composed = chunk, self._coming[1].result()
            self._coming = chunk + 1, self._ahead.submit(self._compose, chunk + 1)
        self.position += 1
        return self._composed[1][place]

    def state(self) -> dict[str, Tensor]:
        """Position of the stream."""
        return {"position": torch.tensor(self.position)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from the position of `state`."""
        self.position = int(state["position"])


class LineBatches(ComposedBatches[Written]):
    """Composed lines, all of one width in a batch: frames (B, 40, W) float32, texts."""

    def __init__(
        self,
        composer: LineComposer,
        *,
        batch_size: int,
        epoch: int,
        seed: int,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        """`batch_size` lines of REFERENCE_WIDTH_PX, fewer if they are wider; `epoch` lines are one epoch."""
        super().__init__(batch_size=batch_size, epoch=epoch, device=device, data_sha256=composer.data_sha256)
        world.require_shares(_lines_of(max(BATCH_SHARES_BY_WIDTH_PX), batch_size))
        self._composer, self._seed, self._world = composer, seed, world

    def _compose(self, chunk: int) -> list[tuple[Tensor, Written]]:
        random = np.random.default_rng([self._seed, chunk, 1])
        width = int(random.choice(list(BATCH_SHARES_BY_WIDTH_PX), p=list(BATCH_SHARES_BY_WIDTH_PX.values())))
        share = self._world.share(_lines_of(width, self.batch_size))
        own_number = chunk * self._world.size + self._world.rank
        lines = self._composer.batch(own_number, share.stop - share.start, width)
        return [(lines.frames.to(self.device), lines.written)]


class CropBatches(ComposedBatches[Tensor]):
    """Composed crops, of one size a batch: canvases (B, S, S), masks (B, 3, S, S) float32 in [0, 1]."""

    def __init__(
        self,
        composer: CropComposer,
        *,
        batch_size: int,
        epoch: int,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        """`epoch` crops count as one epoch."""
        super().__init__(batch_size=batch_size, epoch=epoch, device=device, data_sha256=composer.data_sha256)
        world.require_shares(batch_size)
        self._composer, self._share, self._world = composer, world.share(batch_size), world

    def _compose(self, chunk: int) -> list[tuple[Tensor, Tensor]]:
        count = self._share.stop - self._share.start
        crops = self._composer.compose(chunk * self._world.size + self._world.rank, count)
        return [(crops.canvas().to(self.device), crops.masks.to(self.device).to(torch.float32) / 255)]


def _lines_of(width: int, batch_size: int) -> int:
    """Lines of that width in a batch, about as many pixels as `batch_size` lines of REFERENCE_WIDTH_PX."""
    return max(2, round(batch_size * REFERENCE_WIDTH_PX / width))
