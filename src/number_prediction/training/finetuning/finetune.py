"""A model and labelled pictures of one hand or form -> the model that reads them too, if it forgot nothing.

In: an exported model and a data set of 10 to 1,000 pictures. Out: a folder with the adapted model, or none.
Each batch holds a few of the pictures, rewritten, among many of the kind that the model was trained on, so
that it learns the ones and keeps the others; the statistics of its batch normalisations stay. In the end it
must read MNIST and a replay set as well as before, of which nothing was trained on or chosen by.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.datasets.load import EMBEDDED, canonical_source, display_name
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ModelError, TrainingError
from number_prediction.machine import describe_environment, usable_cores
from number_prediction.runs.run import Record, Run, Settings
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.export.digits import check_content
from number_prediction.training.export.export import describe_digit_model, write_model
from number_prediction.training.finetuning.guard import (
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
from number_prediction.training.loop.devices import usable_precision
from number_prediction.training.loop.fit import LOG_EVERY, learning_rate, train_step
from number_prediction.training.loop.state import TrainedNetwork, make_optimizer
from number_prediction.training.loop.tasks import compute_logits
from number_prediction.training.recipes import Recipe

DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
SHARES = (1.0, 0.75, 0.5)
"""Of the way from the old weights to the trained ones: where too much was forgotten, less of it is gone
(Wortsman et al., "Robust fine-tuning of zero-shot models", 2022)."""
_CPU = torch.device("cpu")
_PARITY_PICTURES = 1000
"""Of MNIST: the graph is the one that was checked when the model was exported, only its weights are new."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a model is adapted, and how it is guarded."""

    steps: int = 240
    """Batches."""
    batch_size: int = 160
    """Pictures a batch, new and replayed ones."""
    fewest_new: int = 6
    most_new: int = 12
    """How many of them are new."""
    learning_rate: float = 0.003
    """Peak of the one-cycle schedule."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises."""
    replay: int = 6000
    """Pictures of MNIST to train on again, besides their companions; as many, at most 5,000, are kept to
    choose by and to measure."""
    held_out: float = 0.2
    """Share of the pictures that is measured on and not trained on."""
    tolerance: float = 0.002
    """By how much a guarded figure may fall."""

    def new_in_batch(self, pictures: int) -> int:
        """How many of so many new pictures go into each batch: one in 25, within the limits."""
        return min(max(pictures // 25, self.fewest_new), self.most_new)

    def adapt(self, recipe: Recipe, batches: int) -> Recipe:
        """The recipe to adapt a model of that recipe by; the replay holds so many batches."""
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
    """What came of adapting a model."""

    model: Path | None
    """The file written; None where the old model is better, and nothing was written."""
    share: float
    """Of the way from the old weights to the trained ones, that the figures are of."""
    figures: tuple[Figure, ...]
    reasons: tuple[str, ...]
    """Why nothing was written, in words."""
    doubts: tuple[str, ...]
    """What the figures of the new pictures leave open, in words."""
    seconds: float
    """All in all."""


def finetune(
    data: str,
    output: Path,
    *,
    command: str,
    model: Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    tuning: Tuning | None = None,
    show: Callable[[Iterator[Record]], object] = list,
) -> Finetuned:
    """Adapt a model to pictures, and write it if it reads what it knew as well as before.

    Args:
        data: a data set as `load_dataset` takes it, of classes that the model knows, and of NOT_A_DIGIT where
            it abstains. Of one that comes divided the training part is taken.
        output: folder to write model.onnx, manifest and model card to; a model that is there is replaced.
        command: what a person typed, kept with the model.
        model: an exported model, or a run's folder; by default the model in the package.
        seed: of order, augmentation and all that is drawn; the same threads then give the same weights.
        threads: of the processor; by default all cores.
        tuning: how it is adapted.
        show: takes the records of the training as they come, to the last.

    Raises:
        DataError: too few or too many pictures, a class that the model has not, a digit without ink, or the
            output is the folder of a run.
        ModelError: the model cannot be trained on, or is not one of the ten digits.
        TrainingError: the loss is no number any more.
    """
    begun = time.monotonic()
    tuning = tuning or Tuning()
    threads = threads or usable_cores()
    torch.set_num_threads(threads)
    if Run(output).settings_path.exists():
        raise DataError(f"{output}: holds a run, whose model is not replaced; choose another --output")
    predictor = Predictor(model, threads=threads)
    if predictor.classes != DIGIT_CLASSES:
        raise ModelError(
            f"{predictor.path}: has the classes {', '.join(predictor.classes)}; only models of the ten "
            "digits can be adapted, for MNIST is what they must not forget"
        )
    opened = open_model(predictor)
    base = opened.trained
    own, held_out = hold_out(load_corrections(data, base.classes), tuning.held_out, seed=seed)
    replay = draw_replay(tuning.replay, abstains=base.abstains, seed=seed)

    new, known = _mix(own, replay.trained, tuning, seed=seed)
    recipe = tuning.adapt(opened.recipe, len(known))
    settings = Settings(
        recipe=recipe.to_dict(),
        data=EMBEDDED,
        seed=seed,
        threads=threads,
        device=_CPU.type,
        precision=usable_precision(recipe.precision, _CPU),
        command=command,
        environment=describe_environment(),
    )
    training_begun = time.monotonic()
    network = copy.deepcopy(base.network)
    show(_train(network, new, known, recipe, settings))
    tuned = replace(
        base, network=network, steps=recipe.min_batches, seconds=time.monotonic() - training_begun
    )
    tuned, share = _settle(base, tuned, replay.chosen_by, tolerance=tuning.tolerance)

    measured = {OWN: own, HELD_OUT: held_out, **_name(replay.guarded)}
    measured = {name: split for name, split in measured.items() if len(split)}
    before, after = answer(base, measured), answer(tuned, measured)
    figures = compare(measured, before, after, thresholds=(base.threshold, tuned.threshold))
    reasons = find_reasons(figures, tolerance=tuning.tolerance)
    written = None
    if not reasons:
        content = opened.to_onnx(tuned)
        parity = check_content(content, tuned, pages=replay.guarded.mnist.images[:_PARITY_PICTURES])
        adapted = {
            "data": display_name(canonical_source(data)),
            "pictures": len(own),
            "held_out": len(held_out),
            "base": {"file": predictor.path.name, "sha256": predictor.sha256},
            "share": share,
            "figures": [asdict(figure) for figure in figures],
        }
        manifest = {**describe_digit_model(content, tuned, settings, parity), "adapted": adapted}
        written = Run(output).model_path
        output.mkdir(parents=True, exist_ok=True)
        write_model(written, content, manifest)
    return Finetuned(
        model=written,
        share=share,
        figures=figures,
        reasons=tuple(reasons),
        doubts=tuple(find_doubts(figures)),
        seconds=time.monotonic() - begun,
    )


def _mix(own: Split, replayed: Split, tuning: Tuning, *, seed: int) -> tuple[Batches, Batches]:
    """The two streams that each batch is put together from: the new pictures, and what is replayed."""
    count = tuning.new_in_batch(len(own))
    new = Batches(own, batch_size=count, augmentation=Rewriting(), seed=seed, device=_CPU)
    rest = tuning.batch_size - new.batch_size
    known = Batches(replayed, batch_size=rest, augmentation=Rewriting(), seed=seed + 1, device=_CPU)
    return new, known


def _train(
    network: nn.Module, new: Batches, known: Batches, recipe: Recipe, settings: Settings
) -> Iterator[Record]:
    """Train a network in evaluation mode; yields the records, every LOG_EVERY batches."""
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
            precision=settings.precision,
        )
        losses.append(loss)
        if step % LOG_EVERY and step < recipe.min_batches:
            continue
        mean_loss = float(torch.stack(losses).mean())
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"the loss is no finite number any more after {step} batches, so nothing was written; "
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
    """The network that goes as far from `base` to `tuned` as what it knows allows, calibrated.

    Returns:
        The network and the share of the way: the smallest where all fall by more than `tolerance`.
    """
    measured = _name(known)
    before = answer(base, measured)
    digits = is_digit_by_label(known.rewritten)
    for share in SHARES:
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


def _name(known: Known) -> dict[str, Split]:
    """What is known, by the names of the figures."""
    return {MNIST: known.mnist, REPLAY: known.rewritten}


@torch.no_grad()
def _interpolate(old: nn.Module, new: nn.Module, share: float) -> nn.Module:
    """The network whose weights lie between those of two others; nothing else of them differs."""
    between = copy.deepcopy(new)
    for weights, start in zip(between.parameters(), old.parameters(), strict=True):
        weights.copy_(start.lerp(weights, share))
    return between
