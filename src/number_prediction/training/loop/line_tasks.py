"""The task of lines on paper: what a line says."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from number_prediction.constants import A_LETTER, GLYPHS
from number_prediction.datasets.split import Splits
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.runs.run import Settings
from number_prediction.training.loop.batches import Targets
from number_prediction.training.loop.calibration import fit_line_temperature
from number_prediction.training.loop.ctc import ctc_loss, read_greedily
from number_prediction.training.loop.distributed import World
from number_prediction.training.loop.lessons import Lesson, lesson_loss
from number_prediction.training.loop.line_chunks import (
    ChunkStream,
    ReadingChunks,
    count_steps,
    frame_line,
    stack_frames,
)
from number_prediction.training.loop.open_sources import is_left_out, open_sources
from number_prediction.training.loop.task import VALIDATION_SEED, Calibration, Validation, evaluating
from number_prediction.training.loop.trained import load_ink
from number_prediction.training.networks.ppocr import Teacher, load_recogniser
from number_prediction.training.recipes import Recipe
from number_prediction.training.synthesis.paper_lines.lines import LinePictures, make_paper_composer
from number_prediction.training.synthesis.real_lines import gather_real_lines

CLASSES = (*GLYPHS, A_LETTER, "other sign", "struck out")
"""What a time step can show."""
VALIDATION_LINES = 300
"""Composed lines to validate on, and at most so many real ones."""


class PaperLineTask:
    """Read the text of a line on paper.

    Whole sources and some writers of real lines are left out of training. The temperature is fitted on these.
    """

    def __init__(self, recipe: Recipe, settings: Settings, splits: Splits, world: World) -> None:
        assert recipe.paper_lines is not None
        part = recipe.paper_lines
        self._device, self._teacher_weight = torch.device(settings.device), part.teacher_weight
        self.classes = CLASSES
        self.mean, self.std = torch.zeros(()), torch.ones(())  # frames are normalised by their own paper
        ink = load_ink(settings)
        self.ink: nn.Module | None = ink
        recogniser = load_recogniser()
        self.start: dict[str, Tensor] | None = recogniser.starting_weights()
        learned, left_out = open_sources(settings)
        numbers, words = gather_real_lines(learned)
        chunks = ReadingChunks(
            make_paper_composer(splits.train, learned, seed=settings.seed),
            ink,
            [line for line in numbers if not is_left_out(line.writer)],
            [line for line in words if not is_left_out(line.writer)],
            numbers_share=part.numbers,
            words_share=part.words,
            teacher=Teacher(recogniser),
            seed=settings.seed,
        )
        self.batches = ChunkStream(
            chunks, batch_size=recipe.batch_size, epoch=part.epoch, device=self._device, world=world
        )
        composer = make_paper_composer(splits.validation, left_out, seed=settings.seed + VALIDATION_SEED)
        pictures = islice(LinePictures(composer, 0), VALIDATION_LINES)
        lines = [(line.page, line.classes) for line in pictures]
        apart = [line for line in numbers if is_left_out(line.writer)]
        every = max(1, len(apart) // VALIDATION_LINES)
        lines += [(line.page, line.classes) for line in apart[::every]]
        self._validation = [(frame_line(ink, page), classes) for page, classes in lines]

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        assert isinstance(targets, Lesson)
        return lesson_loss(logits, targets, teacher_weight=self._teacher_weight)

    def validate(self, network: nn.Module) -> Validation:
        """The accuracy is the share of the left-out lines that are read right as a whole."""
        losses, right = [], []
        for logits, text in self._answers(network):
            losses.append(float(ctc_loss(logits, (text,))))
            right.append(read_greedily(logits) == (text,))
        return Validation(float(np.mean(losses)), float(np.mean(right)))

    def calibrate(self, network: nn.Module) -> Calibration:
        answers = [(logits, (text,)) for logits, text in self._answers(network)]
        return Calibration(fit_line_temperature(answers), DEFAULT_THRESHOLD)

    def _answers(self, network: nn.Module) -> list[tuple[Tensor, tuple[int, ...]]]:
        answers = []
        with evaluating(network):
            for frame, text in self._validation:
                lines = stack_frames([frame])
                logits = network(lines.to(self._device)).cpu()[:, : int(count_steps(lines))]
                answers.append((logits, text))
        return answers
