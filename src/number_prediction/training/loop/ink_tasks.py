"""Tasks of ink networks: which pixels are the ink that is meant, other writing, and rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from number_prediction.datasets.split import Splits
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.runs.run import Settings
from number_prediction.training.loop.batches import CropBatches, Stream, Targets
from number_prediction.training.loop.distributed import World
from number_prediction.training.loop.line_chunks import ChunkStream, InkChunks, lay_on_canvas
from number_prediction.training.loop.open_sources import open_sources
from number_prediction.training.loop.task import VALIDATION_SEED, Calibration, Validation, evaluating
from number_prediction.training.networks.ink import MASKS, ink_loss, overlap
from number_prediction.training.recipes import Recipe
from number_prediction.training.synthesis.crops import make_crop_composer
from number_prediction.training.synthesis.paper_lines.lines import LinePictures, make_paper_composer

VALIDATION_CROPS = 8
"""Batches of 100 crops to validate on."""
VALIDATION_LINES = 300
"""Lines to validate on."""


class MaskTask(ABC):
    """Which pixels of a canvas are ink, and of what."""

    classes: tuple[str, ...] = MASKS
    ink: nn.Module | None = None
    start: dict[str, Tensor] | None = None
    batches: Stream

    def __init__(self, settings: Settings) -> None:
        self._device = torch.device(settings.device)
        self.mean, self.std = torch.zeros(()), torch.ones(())  # the network standardizes each canvas itself

    @abstractmethod
    def _examples(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Canvases (B, H, W) to validate on, and their masks (B, 3, H, W) float32 in [0, 1]."""

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        assert isinstance(targets, Tensor)
        return ink_loss(logits, targets)

    def validate(self, network: nn.Module) -> Validation:
        """The accuracy is the overlap (dice) of the writing that is meant and what was found of it."""
        losses, overlaps = [], []
        with evaluating(network):
            for canvas, masks in self._examples():
                logits = network(canvas.to(self._device)).cpu()
                losses.append(float(ink_loss(logits, masks)))
                overlaps.append(overlap(torch.sigmoid(logits[:, 0]), masks[:, 0]))
        return Validation(float(np.mean(losses)), float(torch.cat(overlaps).mean()))

    def calibrate(self, network: nn.Module) -> Calibration:  # noqa: ARG002 there is nothing to fit
        return Calibration(1.0, DEFAULT_THRESHOLD)


class InkTask(MaskTask):
    """Ink of crops with one digit."""

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        assert recipe.crops is not None
        super().__init__(settings)
        learned, _ = open_sources(settings)
        self.batches = CropBatches(
            make_crop_composer(splits.train, learned, recipe.crops, seed=settings.seed),
            batch_size=recipe.batch_size,
            epoch=recipe.crops.epoch,
            device=self._device,
            world=world,
        )
        validation = make_crop_composer(
            splits.validation, {}, recipe.crops, seed=settings.seed + VALIDATION_SEED
        )
        self._validation = [validation.compose(number, 100) for number in range(VALIDATION_CROPS)]

    def _examples(self) -> Iterator[tuple[Tensor, Tensor]]:
        for crops in self._validation:
            yield crops.canvas(), crops.masks.to(torch.float32) / 255


class LineInkTask(MaskTask):
    """Ink of pictures of a line."""

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        assert recipe.line_crops is not None
        super().__init__(settings)
        learned, left_out = open_sources(settings)
        self.batches = ChunkStream(
            InkChunks(make_paper_composer(splits.train, learned, seed=settings.seed), seed=settings.seed),
            batch_size=recipe.batch_size,
            epoch=recipe.line_crops.epoch,
            device=self._device,
            world=world,
        )
        composer = make_paper_composer(splits.validation, left_out, seed=settings.seed + VALIDATION_SEED)
        pictures = islice(LinePictures(composer, 0), VALIDATION_LINES)
        self._validation = [lay_on_canvas(line) for line in pictures]

    def _examples(self) -> Iterator[tuple[Tensor, Tensor]]:
        for line in self._validation:
            yield line.grey.unsqueeze(0), line.masks.unsqueeze(0)
