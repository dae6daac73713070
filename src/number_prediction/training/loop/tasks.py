"""Tasks: what a network learns.

In: a recipe and splits. Out: a task for the training loop.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.constants import A_LETTER, FRAME_SIZE, GLYPHS, LETTER
from number_prediction.datasets.split import Pages, Split, Splits, join
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.machine import usable_cores
from number_prediction.runs.run import Settings
from number_prediction.training.loop.batches import Batches, LineBatches, Targets
from number_prediction.training.loop.calibration import (
    choose_common_threshold,
    choose_threshold,
    fit_line_temperature,
    fit_temperature,
)
from number_prediction.training.loop.ctc import aligned_loss, ctc_loss, read_greedily
from number_prediction.training.loop.devices import computing_with
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.loop.ink_tasks import InkTask, LineInkTask
from number_prediction.training.loop.line_tasks import PaperLineTask
from number_prediction.training.loop.open_sources import is_left_out, open_sources
from number_prediction.training.loop.paper_frames import compose_frames, frame_plain, frame_windows
from number_prediction.training.loop.task import (
    VALIDATION_SEED,
    Calibration,
    Task,
    Validation,
    evaluating,
)
from number_prediction.training.loop.trained import load_ink
from number_prediction.training.recipes import Recipe
from number_prediction.training.synthesis.companions import add_companions
from number_prediction.training.synthesis.crops import CropRecipe, make_crop_composer
from number_prediction.training.synthesis.line_windows import cut_windows
from number_prediction.training.synthesis.lines import LineBatch, Written, make_composer

IMAGES_PER_SUM = 500
"""Images summed at once, few enough for the processor's cache."""
VALIDATION_BATCH = 1000
"""Frames or lines read at once in a validation."""
LEFT_OUT_PAGES = 5000
"""Plain pages of each source left out, at most."""
VALIDATION_CROPS_SHARE = 1 / 16
"""Crops composed to validate on frames, as a share of those to train on."""
VALIDATION_BATCHES_BY_WIDTH_PX = {64: 3, 144: 6, 288: 6}
"""Width of validation lines -> batches of 100 lines."""


def make_task(recipe: Recipe, settings: Settings, splits: Splits, world: World = ALONE) -> Task:
    """The task of a recipe on splits of frames (N, 28, 28) uint8; their test part is not used."""
    if recipe.line_crops is not None:
        return LineInkTask(recipe, settings, splits, world)
    if recipe.paper_lines is not None:
        return PaperLineTask(recipe, settings, splits, world)
    if recipe.crops is not None:
        return InkTask(recipe, settings, splits, world)
    if recipe.paper is not None:
        return PaperTask(recipe, settings, splits, world)
    if recipe.lines is None:
        return DigitTask(recipe, settings, splits, world)
    return NumberTask(recipe, settings, splits, world)


class DigitTask:
    """Find the class of a frame."""

    ink: nn.Module | None = None
    start: dict[str, Tensor] | None = None

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        train, self._validation = splits.train, splits.validation
        if recipe.companions is not None:
            train = add_companions(train, recipe.companions, seed=settings.seed)
            self._validation = add_companions(
                self._validation, recipe.companions, seed=settings.seed + VALIDATION_SEED
            )
        self.classes = train.classes
        self._recipe, self._device, self._world = recipe, torch.device(settings.device), world
        self.mean, self.std = _moments(train.images)
        assert recipe.augmentation is not None
        self.batches = Batches(
            train,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            augmented=recipe.augmented,
            seed=settings.seed,
            device=self._device,
            world=world,
        )

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        assert isinstance(targets, Tensor)
        return F.cross_entropy(logits, targets, label_smoothing=self._recipe.label_smoothing)

    def validate(self, network: nn.Module) -> Validation:
        logits, labels = compute_logits(network, self._validation, self._device, self._world)
        return Validation(
            float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).float().mean())
        )

    def calibrate(self, network: nn.Module) -> Calibration:
        temperature = fit_temperature(*compute_logits(network, self._validation, self._device, self._world))
        if self._recipe.companions is None:
            return Calibration(temperature, DEFAULT_THRESHOLD)
        is_digit = 1 - torch.softmax(self._rewritten_logits(network) / temperature, 1)[:, -1].cpu()
        return Calibration(temperature, choose_threshold(is_digit))

    def _rewritten_logits(self, network: nn.Module) -> Tensor:
        """Logits of validation digits, augmented like training digits to stand for unknown hands."""
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        is_digit = self._validation.labels < len(self.classes) - 1
        digits = torch.tensor(np.asarray(self._validation.images)[is_digit])
        logits = []
        with evaluating(network):
            for begin in range(0, len(digits), VALIDATION_BATCH):
                frames = digits[begin : begin + VALIDATION_BATCH].to(self._device).to(torch.float32) / 255
                logits.append(network(self.batches.augmentation(frames, generator)))
        return torch.cat(logits)


class PaperTask:
    """Which digit the frames of ink and paper show, or that they show none.

    Whole sources and some writers of lines are left out of training. Temperature and threshold are fitted on
    these and the validation part.
    """

    start: dict[str, Tensor] | None = None

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        assert recipe.paper is not None
        assert recipe.augmentation is not None
        self._recipe, self._device, self._world = recipe, torch.device(settings.device), world
        ink = load_ink(settings)
        self.ink: nn.Module | None = ink
        with computing_with(1, settings.device):  # each core frames pages of its own
            train, self._validation, self._left_out = _frame(recipe.paper, settings, splits, ink)
        self.classes = train.classes
        self.mean, self.std = _moments(train.images)
        self.batches = Batches(
            train,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            augmented=recipe.augmented,
            seed=settings.seed,
            device=self._device,
            world=world,
        )

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        assert isinstance(targets, Tensor)
        return F.cross_entropy(logits, targets, label_smoothing=self._recipe.label_smoothing)

    def validate(self, network: nn.Module) -> Validation:
        logits, labels = compute_logits(network, self._validation, self._device, self._world)
        return Validation(
            float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).float().mean())
        )

    def calibrate(self, network: nn.Module) -> Calibration:
        """Fit the temperature on what was left out, the threshold on the mean over its sources and the crops.

        Fitted on crops too, the temperature would make the model less confident on all plain pages.
        """
        plain = join(self._left_out, name="frames")
        temperature = fit_temperature(*compute_logits(network, plain, self._device, self._world))
        kept = []
        for source in (*self._left_out, self._validation):
            logits, labels = compute_logits(network, source, self._device, self._world)
            is_digit = 1 - torch.softmax(logits / temperature, 1)[labels < len(self.classes) - 1, -1]
            if len(is_digit):
                kept.append(is_digit.cpu())
        return Calibration(temperature, choose_common_threshold(kept))


def _frame(
    recipe: CropRecipe, settings: Settings, splits: Splits, ink: nn.Module
) -> tuple[Split, Split, list[Split]]:
    """Frames to learn from, frames of composed crops to validate on, and those of each source left out."""
    learned, left_out = open_sources(settings)
    seed, threads = settings.seed, usable_cores()
    composer = make_crop_composer(splits.train, learned, recipe, seed=seed)
    composed = compose_frames(composer, ink, recipe.epoch, threads=threads)
    plain = frame_plain(composer, splits.train, ink)
    windows = [window for source in learned.values() for window in cut_windows(source, seed=seed)]
    apart, shown = (
        frame_windows(ink, [each for each in windows if is_left_out(each.writer) is wanted], threads=threads)
        for wanted in (True, False)
    )
    composer = make_crop_composer(splits.validation, left_out, recipe, seed=seed + VALIDATION_SEED)
    count = round(VALIDATION_CROPS_SHARE * recipe.epoch)
    validation = compose_frames(composer, ink, count, threads=threads)
    others = [*frame_plain(composer, splits.validation, ink, most=LEFT_OUT_PAGES).values(), apart]
    train = join([composed, *plain.values(), shown], name="frames")
    return train, validation, [each for each in others if len(each)]


class NumberTask:
    """Read the text of a line."""

    ink: nn.Module | None = None
    start: dict[str, Tensor] | None = None

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        assert recipe.lines is not None
        self.classes = (*GLYPHS, A_LETTER)
        self._device, self._world = torch.device(settings.device), world
        self.batches = LineBatches(
            make_composer(splits.train, recipe.lines, seed=settings.seed),
            batch_size=recipe.batch_size,
            epoch=recipe.lines.epoch,
            seed=settings.seed,
            device=self._device,
            world=world,
        )
        validation = make_composer(splits.validation, recipe.lines, seed=settings.seed + VALIDATION_SEED)
        widths = [width for width, count in VALIDATION_BATCHES_BY_WIDTH_PX.items() for _ in range(count)]
        self._validation = [validation.batch(number, 100, width) for number, width in enumerate(widths)]
        pixels = torch.cat([lines.frames.flatten() for lines in self._validation])
        self.mean, self.std = pixels.mean(), pixels.std()

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        assert isinstance(targets, Written)
        return aligned_loss(logits, targets)

    def validate(self, network: nn.Module) -> Validation:
        losses, right = [], []
        for logits, lines in self._answers(network):
            losses.append(float(ctc_loss(logits, lines.written.texts)))
            pairs = zip(read_greedily(logits), lines.written.texts, strict=True)
            right += [_numbers_of(text) == _numbers_of(wanted) for text, wanted in pairs]
        return Validation(float(np.mean(losses)), float(np.mean(right)))

    def calibrate(self, network: nn.Module) -> Calibration:
        answers = [(logits, lines.written.texts) for logits, lines in self._answers(network)]
        return Calibration(fit_line_temperature(answers), DEFAULT_THRESHOLD)

    def _answers(self, network: nn.Module) -> list[tuple[Tensor, LineBatch]]:
        answers = []
        with evaluating(network):
            for lines in self._validation:
                count = len(lines.frames)
                logits = network(lines.frames[self._world.share(count)].to(self._device))
                answers.append((self._world.join(logits, count).cpu(), lines))
        return answers


def _numbers_of(text: tuple[int, ...]) -> tuple[int, ...]:
    """A text without its letters."""
    return tuple(glyph for glyph in text if glyph != LETTER)


def _moments(images: Pages) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of all pixels in [0, 1], summed in parts."""
    total, squares = 0.0, 0.0
    for begin in range(0, len(images), IMAGES_PER_SUM):
        pixels = torch.tensor(images[begin : begin + IMAGES_PER_SUM]).flatten().to(torch.float32) / 255
        total += float(pixels.sum())
        squares += float(pixels.dot(pixels))
    count = len(images) * FRAME_SIZE**2
    mean = total / count
    return torch.tensor(mean), torch.tensor(math.sqrt(squares / count - mean**2))


def compute_logits(
    network: nn.Module, split: Split, device: torch.device, world: World = ALONE
) -> tuple[Tensor, Tensor]:
    """Logits (N, C) float32 and labels (N,) int64 of a split of frames, in evaluation mode and fp32.

    Each process computes its share and gets all rows.
    """
    images = split.images[world.share(len(split))]
    with evaluating(network):
        logits = [
            network(torch.tensor(images[begin : begin + VALIDATION_BATCH], device=device).float() / 255)
            for begin in range(0, max(1, len(images)), VALIDATION_BATCH)
        ]
    labels = torch.tensor(split.labels, dtype=torch.int64, device=device)
    return world.join(torch.cat(logits), len(split)), labels
