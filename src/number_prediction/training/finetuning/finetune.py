"""A model and labelled pictures of one hand or form -> the model that reads them too, unless it forgets.

In: an exported model and a data set of 10 to 1,000 pictures. Out: a folder with the adapted model, or
nothing. Each batch mixes a few of these pictures, rewritten, with many of the kind that the model was trained
on. The statistics of the batch normalisations stay. The adapted model is written only if it reads MNIST and a
replay set as well as before; both were kept apart for this check.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.datasets.labelled import IN_MEMORY, Data
from number_prediction.datasets.load import EMBEDDED, canonical_source, display_name
from number_prediction.datasets.split import Pages, Split
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ModelError, TrainingError
from number_prediction.machine import describe_environment, usable_cores
from number_prediction.runs.progress import Watch, watching
from number_prediction.runs.run import Record, Run, Settings, describe_start, new_folder
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.export.digits import check_content
from number_prediction.training.export.export import describe_digit_model, write_model
from number_prediction.training.finetuning.forgetting import (
    HELD_OUT,
    MNIST,
    OWN,
    REPLAY,
    Figure,
    answer,
    compare,
    find_doubts,
    find_forgotten,
    find_reasons,
    is_digit_by_label,
)
from number_prediction.training.finetuning.pictures import hold_out, load_corrections
from number_prediction.training.finetuning.replay import Known, draw_replay
from number_prediction.training.finetuning.weights import open_model
from number_prediction.training.loop.batches import Batches
from number_prediction.training.loop.calibration import choose_threshold, fit_temperature
from number_prediction.training.loop.devices import computing_with, usable_precision
from number_prediction.training.loop.fit import LOG_EVERY_BATCHES, learning_rate, train_step
from number_prediction.training.loop.state import make_optimizer
from number_prediction.training.loop.tasks import compute_logits
from number_prediction.training.loop.trained import TrainedNetwork
from number_prediction.training.recipes import Recipe

DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
WEIGHT_SHARES = (1.0, 0.75, 0.5)
"""Shares of the change from old to trained weights, tried in turn until too little is forgotten to matter
(Wortsman et al., "Robust fine-tuning of zero-shot models", 2022)."""
_CPU = torch.device("cpu")
_PARITY_PICTURES = 1000
"""MNIST pictures for the parity check; few, because the graph passed it when the model was exported."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a model is adapted, and how much it may forget."""

    steps: int = 240
    """Batches to train."""
    batch_size: int = 160
    """Pictures per batch, new and replayed ones together."""
    fewest_new: int = 6
    """Fewest new pictures per batch."""
    most_new: int = 12
    """Most new pictures per batch."""
    learning_rate: float = 0.003
    """Peak of the one-cycle schedule."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    replay: int = 6000
    """MNIST pictures to train on again, besides their companions; as many, at most 5,000, are kept apart for
    choosing and for the forgetting check."""
    held_out: float = 0.2
    """Share of the new pictures that is kept apart for measuring."""
    tolerance: float = 0.002
    """How much the share of right answers on MNIST and the replay set may fall."""

    def new_in_batch(self, pictures: int) -> int:
        """New pictures per batch: one in 25 of all new `pictures`, within the limits."""
        return min(max(pictures // 25, self.fewest_new), self.most_new)

    def adapt(self, recipe: Recipe, batches: int) -> Recipe:
        """The recipe for adapting a model of `recipe`; the replay set holds this many `batches`."""
        return replace(
            recipe,
            epochs=self.steps / batches,
            min_batches=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup=self.warmup,
            ema_decay=0.0,
            augmentation=Rewriting(),
        )


@dataclass(frozen=True)
class Finetuned:
    """Result of adapting a model."""

    model: Path | None
    """The file written; None if nothing was: the old model is better, or it read every picture already."""
    share: float
    """Share of the change from old to trained weights that the adapted model got."""
    figures: tuple[Figure, ...]
    reasons: tuple[str, ...]
    """Why the old model is better, as sentences; empty if a model was written, or every picture was read."""
    doubts: tuple[str, ...]
    """What the figures of the new pictures leave open, as sentences."""
    seconds: float
    """Time of the whole call."""


def finetune(
    data: Data,
    output: Path | str | None = None,
    *,
    model: Path | str | None = None,
    seed: int = 0,
    threads: int | None = None,
    tuning: Tuning | None = None,
    progress: Watch = None,
    announce: Callable[[str], object] | None = None,
) -> Finetuned:
    """Adapt a model to pictures, and write it if it still reads everything else as well as before.

    Args:
        data: a data set as `load_dataset` takes it. Its classes are digits, and NOT_A_DIGIT if the model
            abstains. If it comes divided, its training part is used. In memory: pictures and their labels,
            (X, y), as `train` takes them.
        output: folder for model.onnx, manifest and model card; a model in it is replaced. By default
            runs/finetuned-TIME.
        model: an exported model, or a run's folder; by default the model in the package.
        seed: decides order, augmentation and all random pictures; with the same threads it gives the same
            weights.
        threads: processor threads; by default all cores.
        tuning: how the model is adapted.
        progress: True shows a bar on stderr; a function is called with each record of the training's log.
        announce: called before the training with a sentence that says how many pictures are read wrong. If
            none is, nothing is trained or written, and the result has neither model nor reasons.

    Raises:
        DataError: too few or too many pictures, a class that the model does not have, a digit without ink, or
            the output is the folder of a run.
        ModelError: the model cannot be trained, or its classes are not the ten digits.
        TrainingError: the loss is no longer finite.
    """
    begun = time.monotonic()
    tuning, threads = tuning or Tuning(), threads or usable_cores()
    output = Path(output or new_folder("finetuned"))
    if Run(output).settings_path.exists():
        raise DataError(f"{output}: holds a run, whose model is never replaced; choose another --output")
    predictor = _load(model, threads=threads)
    with computing_with(threads, _CPU.type):
        opened = open_model(predictor)
        base = opened.trained
        own, held_out = hold_out(
            load_corrections(data, base.classes, base.graph().prepare), tuning.held_out, seed=seed
        )
        measured = {name: split for name, split in ((OWN, own), (HELD_OUT, held_out)) if len(split)}
        before = answer(base, measured)
        known_already = compare(measured, before, before, thresholds=(base.threshold, base.threshold))
        wrong = sum(round((1 - each.before) * each.pictures) for each in known_already)
        if announce is not None:
            announce(f"{wrong:,} of your {len(own) + len(held_out):,} pictures are read wrong")
        if not wrong:
            return Finetuned(None, 0.0, known_already, (), (), time.monotonic() - begun)
        replay = draw_replay(tuning.replay, abstains=base.abstains, seed=seed)
        new, known = _mix(own, replay.trained, tuning, seed=seed)
        recipe = tuning.adapt(opened.recipe, len(known))
        settings = _make_settings(recipe, seed=seed, threads=threads)
        tuned = _train(base, new, known, recipe, settings.precision, progress)
        tuned, share = _settle(base, tuned, replay.chosen_by, tolerance=tuning.tolerance)
        checked = _by_figure(replay.checked)
        figures = compare(
            {**measured, **checked},
            {**before, **answer(base, checked)},
            answer(tuned, {**measured, **checked}),
            thresholds=(base.threshold, tuned.threshold),
        )
        reasons = find_reasons(figures, tolerance=tuning.tolerance)
        adapted = {
            "data": _name(data),
            "pictures": len(own),
            "held_out": len(held_out),
            "base": {"file": predictor.path.name, "sha256": predictor.sha256},
            "share": share,
            "figures": [asdict(figure) for figure in figures],
        }
        pages = replay.checked.mnist.images[:_PARITY_PICTURES]
        if not reasons:
            _write(output, opened.to_onnx(tuned), tuned, settings, adapted, pages)
    return Finetuned(
        model=None if reasons else Run(output).model_path,
        share=share,
        figures=figures,
        reasons=tuple(reasons),
        doubts=tuple(find_doubts(figures)),
        seconds=time.monotonic() - begun,
    )


def _load(model: Path | str | None, *, threads: int) -> Predictor:
    """Load a model that can be adapted."""
    predictor = Predictor(model, threads=threads)
    if predictor.classes != DIGIT_CLASSES:
        raise ModelError(
            f"{predictor.path}: has the classes {', '.join(predictor.classes)}; only models of the ten "
            "digits can be adapted, because they are checked on MNIST"
        )
    return predictor


def _write(
    folder: Path,
    content: bytes,
    tuned: TrainedNetwork,
    settings: Settings,
    adapted: Mapping[str, Any],
    pages: Pages,
) -> None:
    """Write an adapted model whose ONNX file answers `pages` as torch does; `adapted` is for its manifest."""
    parity = check_content(content, tuned, pages=pages)
    manifest = {**describe_digit_model(content, tuned, settings, parity), "adapted": adapted}
    folder.mkdir(parents=True, exist_ok=True)
    write_model(Run(folder).model_path, content, manifest)


def _name(data: Data) -> str:
    """What the manifest calls the pictures."""
    if isinstance(data, str | os.PathLike):
        return display_name(canonical_source(data))
    return IN_MEMORY


def _make_settings(recipe: Recipe, *, seed: int, threads: int) -> Settings:
    """The settings of the adapted model's training, as its manifest keeps them."""
    return Settings(
        recipe=recipe.to_dict(),
        data=EMBEDDED,
        seed=seed,
        threads=threads,
        device=_CPU.type,
        precision=usable_precision(recipe.precision, _CPU),
        command=describe_start(),
        environment=describe_environment(),
    )


def _train(
    base: TrainedNetwork,
    new: Batches,
    known: Batches,
    recipe: Recipe,
    precision: str,
    progress: Watch,
) -> TrainedNetwork:
    """Train a copy of a network on both streams; its batch normalisations keep their statistics."""
    begun = time.monotonic()
    network = copy.deepcopy(base.network)
    with watching(progress) as watch:
        for record in _steps(network, new, known, recipe, precision):
            watch(record)
    return replace(base, network=network, steps=recipe.min_batches, seconds=time.monotonic() - begun)


def _mix(own: Split, replayed: Split, tuning: Tuning, *, seed: int) -> tuple[Batches, Batches]:
    """The two streams that make up each batch: the new pictures, and the replayed ones."""
    count = tuning.new_in_batch(len(own))
    new = Batches(own, batch_size=count, augmentation=Rewriting(), seed=seed, device=_CPU)
    rest = tuning.batch_size - new.batch_size
    known = Batches(replayed, batch_size=rest, augmentation=Rewriting(), seed=seed + 1, device=_CPU)
    return new, known


def _steps(
    network: nn.Module, new: Batches, known: Batches, recipe: Recipe, precision: str
) -> Iterator[Record]:
    """Train a network in evaluation mode; yields a record every LOG_EVERY_BATCHES batches."""
    optimizer = make_optimizer(recipe, network)
    losses: list[Tensor] = []
    begun = logged = time.perf_counter()
    for step in range(1, recipe.min_batches + 1):
        rate = learning_rate(recipe, step - 1, recipe.min_batches)
        frames, labels = (torch.cat(parts) for parts in zip(new.next(), known.next(), strict=True))
        loss = train_step(
            network,
            optimizer,
            (frames, labels),
            partial(F.cross_entropy, label_smoothing=recipe.label_smoothing),
            rate=rate,
            largest_gradient=recipe.largest_gradient,
            precision=precision,
        )
        losses.append(loss)
        if step % LOG_EVERY_BATCHES and step < recipe.min_batches:
            continue
        mean_loss = float(torch.stack(losses).mean())
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"the loss is no longer finite after {step} batches, so nothing was written; "
                "look for wrong labels, or give another seed"
            )
        now = time.perf_counter()
        yield Record(
            step=step,
            steps=recipe.min_batches,
            epoch=step / len(known),
            seconds=now - begun,
            loss=mean_loss,
            learning_rate=rate,
            images_per_second=len(losses) * recipe.batch_size / (now - logged),
        )
        logged = now
        losses.clear()


def _settle(
    base: TrainedNetwork, tuned: TrainedNetwork, known: Known, *, tolerance: float
) -> tuple[TrainedNetwork, float]:
    """Calibrate the network that lies as far from `base` towards `tuned` as forgetting allows.

    Returns:
        The network and its share of the change: the smallest share if with all of them figures fall by more
        than `tolerance`.
    """
    measured = _by_figure(known)
    before = answer(base, measured)
    digits = is_digit_by_label(known.rewritten)
    for share in WEIGHT_SHARES:
        between = replace(tuned, network=_interpolate(base.network, tuned.network, share))
        logits, labels = compute_logits(between.network, known.accompanied, _CPU)
        between = replace(between, temperature=fit_temperature(logits, labels))
        after = answer(between, measured)
        if base.abstains:
            kept = float((before[REPLAY].is_digit[digits] >= base.threshold).mean())
            threshold = choose_threshold(torch.tensor(after[REPLAY].is_digit[digits]), kept=kept)
            between = replace(between, threshold=threshold)
        figures = compare(measured, before, after, thresholds=(base.threshold, between.threshold))
        if not find_forgotten(figures, tolerance=tolerance):
            break
    return between, share


def _by_figure(known: Known) -> dict[str, Split]:
    """The sets of the forgetting check, by the names of their figures."""
    return {MNIST: known.mnist, REPLAY: known.rewritten}


@torch.no_grad()
def _interpolate(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """The network whose weights lie between those of two others; the rest is that of `new`."""
    between = copy.deepcopy(new)
    for weights, start in zip(between.parameters(), old.parameters(), strict=True):
        weights.copy_(start.lerp(weights, share))
    return between
