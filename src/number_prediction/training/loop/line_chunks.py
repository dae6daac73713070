"""Lines on paper, composed when they are needed, as streams of batches for the training loop.

Lines differ in size. A chunk of several batches is drawn at once and sorted, so that the lines of a batch are
alike. A chunk is a function of the seed and its number, so a training resumes.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.constants import PAPER_LINE_HEIGHT
from number_prediction.images.decode import Page
from number_prediction.training.graph.canvas import BEYOND, to_line_canvas
from number_prediction.training.graph.line_frames import (
    COLUMN_PX,
    DARKEST,
    DIGIT_HEIGHT_PX,
    LIGHTEST,
    STEPS_PER_COLUMN,
    Extent,
    cut_out,
    find_extent,
    find_line_ink,
)
from number_prediction.training.loop.batches import ComposedBatches, Targets
from number_prediction.training.loop.ctc import read_greedily
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.loop.lessons import Lesson
from number_prediction.training.networks.ppocr import Teacher
from number_prediction.training.synthesis.paper_lines.lines import LinePictures, PaperComposer, PaperLine
from number_prediction.training.synthesis.real_lines import RealLine, vary

CHUNK_BATCHES = 8
"""Batches that are drawn together and sorted by size."""
MAX_OF_A_WRITER, BALANCE = 400, 0.6
"""A writer of n real lines weighs min(n, MAX_OF_A_WRITER) ** BALANCE."""
WHOLE_PICTURES = 0.12
"""Share of the lines whose whole picture is shown, not cut out: the ink is not always right."""
UNEVEN_CUT = 0.06
"""Deviation of the sides of a cut, in heights of the line."""
WIDEST_PX = 400
"""Width of the widest frame that is trained on."""
STRETCHED = 0.4
"""Share of the batches whose lines are made wider or narrower; the teacher does not read these."""


class Chunks(Protocol):
    """Where the batches of a stream come from."""

    data_sha256: str
    """Of what is composed of, hexadecimal."""

    def draw(self, number: int, size: int) -> list[tuple[Tensor, Targets]]:
        """Chunk `number`: CHUNK_BATCHES batches of `size` lines, in random order."""


class ChunkStream(ComposedBatches[Targets]):
    """The batches of chunks; each of several processes draws its share."""

    def __init__(
        self,
        chunks: Chunks,
        *,
        batch_size: int,
        epoch: int,
        device: torch.device,
        world: World = ALONE,
    ) -> None:
        """`epoch` lines count as one epoch."""
        super().__init__(
            batch_size=batch_size,
            epoch=epoch,
            device=device,
            data_sha256=chunks.data_sha256,
            chunk_batches=CHUNK_BATCHES,
        )
        world.require_shares(batch_size)
        self._chunks, self._share, self._world = chunks, world.share(batch_size), world

    def _compose(self, chunk: int) -> list[tuple[Tensor, Targets]]:
        own_size = self._share.stop - self._share.start
        drawn = self._chunks.draw(chunk * self._world.size + self._world.rank, own_size)
        return [
            (lines.to(self.device), targets.to(self.device) if isinstance(targets, Tensor) else targets)
            for lines, targets in drawn
        ]


class InkChunks:
    """Composed lines on canvases with the masks of their writing, for an ink network."""

    def __init__(self, composer: PaperComposer, *, seed: int) -> None:
        self._composer, self._seed = composer, seed
        self.data_sha256 = composer.data_sha256

    def draw(self, number: int, size: int) -> list[tuple[Tensor, Targets]]:
        """Canvases (size, H, W) and masks (size, 3, H, W) float32 in [0, 1]."""
        count = CHUNK_BATCHES * size
        pictures = LinePictures(self._composer, number * 2 * count)
        lines = sorted((lay_on_canvas(next(pictures)) for _ in range(count)), key=_height_and_width)
        batches = [_stack(lines[begin : begin + size]) for begin in range(0, count, size)]
        order = np.random.default_rng([self._seed, number]).permutation(len(batches))
        return [batches[place] for place in order]


class CanvasLine(NamedTuple):
    """A composed line on its canvas."""

    grey: Tensor
    """(H, W) float32 in [0, 1], BEYOND where there is no page."""
    masks: Tensor
    """(3, H, W) float32 in [0, 1]."""


def lay_on_canvas(line: PaperLine) -> CanvasLine:
    """A line and its masks as the ink network sees and answers them."""
    layers = np.stack([line.page.astype(np.float32) / np.float32(255), *line.layers])
    canvas = to_line_canvas(torch.tensor(layers)).grey
    return CanvasLine(canvas[0], canvas[1:].clamp(0, 1))


def _height_and_width(line: CanvasLine) -> tuple[int, ...]:
    return tuple(line.grey.shape)


def _stack(lines: Sequence[CanvasLine]) -> tuple[Tensor, Tensor]:
    height, width = (max(line.grey.shape[axis] for line in lines) for axis in (0, 1))

    def fill(layer: Tensor, value: float) -> Tensor:
        return F.pad(layer, (0, width - layer.shape[-1], 0, height - layer.shape[-2]), value=value)

    grey = torch.stack([fill(line.grey, BEYOND) for line in lines])
    return grey, torch.stack([fill(line.masks, 0.0) for line in lines])


class ReadingChunks:
    """Real and composed lines as frames, with what they say and what a teacher reads."""

    def __init__(
        self,
        composer: PaperComposer,
        ink: nn.Module,
        numbers: Sequence[RealLine],
        words: Sequence[RealLine],
        *,
        numbers_share: float,
        words_share: float,
        teacher: Teacher | None,
        seed: int,
    ) -> None:
        """The shares are of the lines that are real numbers and real words; the others are composed."""
        self._composer, self._ink, self._words, self._seed, self._teacher = (
            composer,
            ink,
            words,
            seed,
            teacher,
        )
        of_writers: dict[str, list[RealLine]] = defaultdict(list)
        for line in numbers:
            of_writers[line.writer].append(line)
        self._writers = list(of_writers.values())
        weights = np.array([min(len(some), MAX_OF_A_WRITER) ** BALANCE for some in self._writers])
        self._weights = weights / weights.sum() if len(weights) else weights
        self._numbers_share = numbers_share if self._writers else 0.0
        self._words_share = words_share if words else 0.0
        content = hashlib.sha256(composer.data_sha256.encode())
        for line in (*numbers, *words):
            content.update(line.page.data)
            content.update(json.dumps(line.classes).encode())
        self.data_sha256 = content.hexdigest()

    def draw(self, number: int, size: int) -> list[tuple[Tensor, Targets]]:
        """Frames (size, PAPER_LINE_HEIGHT, W) float32 and a Lesson."""
        random = np.random.default_rng([self._seed, number])
        count = CHUNK_BATCHES * size
        drawn = self._draw_lines(number * 3 * count, random)
        framed: list[tuple[Tensor, tuple[int, ...]]] = []
        while len(framed) < count:
            page, classes = next(drawn)
            frame = frame_line(self._ink, page, random)
            if frame.shape[1] <= WIDEST_PX:
                framed.append((frame, classes))
        framed.sort(key=lambda each: each[0].shape[1])
        batches = [framed[begin : begin + size] for begin in range(0, count, size)]
        return [self._teach(batches[place], random) for place in random.permutation(len(batches))]

    def _draw_lines(self, first: int, random: np.random.Generator) -> Iterator[tuple[Page, tuple[int, ...]]]:
        """Lines without end; composed ones from number `first` on."""
        pictures = LinePictures(self._composer, first)
        while True:
            kind = random.random()
            if kind < self._numbers_share:
                some: Sequence[RealLine] = self._writers[random.choice(len(self._writers), p=self._weights)]
            elif kind < self._numbers_share + self._words_share:
                some = self._words
            else:
                composed = next(pictures)
                yield composed.page, composed.classes
                continue
            line = some[int(random.integers(len(some)))]
            yield vary(line.page, random), line.classes

    def _teach(
        self, framed: Sequence[tuple[Tensor, tuple[int, ...]]], random: np.random.Generator
    ) -> tuple[Tensor, Targets]:
        frames = stack_frames([frame for frame, _ in framed])
        texts = tuple(classes for _, classes in framed)
        if random.random() < STRETCHED or self._teacher is None:
            frames = _stretch(frames, float(np.exp(random.normal(0, 0.1))))
            lesson = Lesson(texts, count_steps(frames))
        else:
            shares = self._teacher(frames)
            widths = count_steps(frames) // STEPS_PER_COLUMN
            is_right = [
                read_greedily(one[: int(width)].unsqueeze(0)) == (wanted,)
                for one, width, wanted in zip(shares, widths, texts, strict=True)
            ]
            lesson = Lesson(texts, count_steps(frames), shares, torch.tensor(is_right).to(torch.float32))
        return _disturb(frames, random), lesson


@torch.no_grad()
def frame_line(ink: nn.Module, page: Page, random: np.random.Generator | None = None) -> Tensor:
    """The frame (PAPER_LINE_HEIGHT, w) float32 of a page as the graph cuts it out; varied with `random`."""
    grey = torch.tensor(page).unsqueeze(0).to(torch.float32) / 255
    written, step = find_line_ink(ink, grey)
    extent = find_extent(written, step)
    if random is None:
        return cut_out(written, step, grey, extent).grey[0]
    if random.random() < WHOLE_PICTURES:
        bottom, right = (torch.tensor([[float(size)]]) for size in page.shape)
        extent = Extent(torch.zeros(1, 1), bottom, torch.zeros(1, 1), right)
        return cut_out(written, step, grey, extent, digit_height_px=PAPER_LINE_HEIGHT, margin_px=0).grey[0]
    off = (extent.bottom - extent.top) * torch.tensor(random.normal(0, UNEVEN_CUT, 4), dtype=torch.float32)
    top, bottom, left, right = (side + away for side, away in zip(extent, off.flatten(), strict=True))
    jitter = float(np.exp(random.normal(0, 0.07)))
    return cut_out(
        written, step, grey, Extent(top, bottom, left, right), digit_height_px=DIGIT_HEIGHT_PX * jitter
    ).grey[0]


def stack_frames(frames: Sequence[Tensor]) -> Tensor:
    """Frames (h, w) of several widths as one (N, h, W), BEYOND right of each."""
    width = max(frame.shape[1] for frame in frames)
    return torch.stack([F.pad(frame, (0, width - frame.shape[1]), value=BEYOND) for frame in frames])


def count_steps(frames: Tensor) -> Tensor:
    """Time steps (N,) int64 of frames (N, h, W)."""
    return (frames[:, 0] > BEYOND).sum(1) * STEPS_PER_COLUMN // COLUMN_PX


def _stretch(frames: Tensor, factor: float) -> Tensor:
    """Frames made wider or narrower."""
    columns = count_steps(frames) // STEPS_PER_COLUMN
    wide = frames.shape[2] // COLUMN_PX
    new_wide = max(2, round(wide * factor))
    kept = frames.clamp(min=LIGHTEST).unsqueeze(1)
    stretched = F.interpolate(kept, (PAPER_LINE_HEIGHT, new_wide * COLUMN_PX), mode="bilinear").squeeze(1)
    shown = (columns * new_wide / wide).ceil().clamp(1, new_wide) * COLUMN_PX
    return torch.where(_inside(stretched, shown), stretched, BEYOND)


def _inside(frames: Tensor, shown: Tensor) -> Tensor:
    return (torch.arange(frames.shape[2]) < shown.unsqueeze(1)).unsqueeze(1)


def _disturb(frames: Tensor, random: np.random.Generator) -> Tensor:
    """Frames with blur, another contrast, noise and a shift of up to two rows."""
    is_inside = frames[:, :1] > BEYOND
    lines = torch.where(is_inside, frames, 0.0)

    def uniform(low: float, high: float) -> Tensor:
        return torch.tensor(random.uniform(low, high, (len(lines), 1, 1)), dtype=torch.float32)

    noise = torch.tensor(random.standard_normal(lines.shape, dtype=np.float32))
    soft = F.avg_pool2d(F.pad(lines, (1, 1, 1, 1), mode="replicate"), 3, 1)
    lines = torch.where(uniform(0, 1) < 0.15, soft, lines) * uniform(0.75, 1.2)
    lines = lines + noise * uniform(0, 0.1) * (uniform(0, 1) < 0.35)
    if random.random() < 0.4:
        shift = int(random.integers(-2, 3))
        lines = F.pad(lines, (0, 0, 2, 2), mode="replicate").roll(shift, 1)[:, 2:-2]
    return torch.where(is_inside, lines.clamp(LIGHTEST, DARKEST), BEYOND)
