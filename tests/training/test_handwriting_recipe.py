"""What the recipe for handwriting adds: companions, rewriting, and a model that abstains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import TrainingError
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.experiments.train import finish_run
from number_prediction.training.loop.fit import fit
from number_prediction.training.networks.digits import CNN
from number_prediction.training.recipes import RECIPES, Recipe, get_recipe
from number_prediction.training.synthesis import nondigits
from number_prediction.training.synthesis.companions import Companions, add_companions
from number_prediction.training.synthesis.pen import PICTURE_SIDE_PX, write
from number_prediction.training.synthesis.stroke_tables import DIGIT_WRITINGS, OTHERS

EVERY_WRITING = [*(writing for writings in DIGIT_WRITINGS.values() for writing in writings)]
EVERY_WRITING += [writing for writings in OTHERS.values() for writing in writings]


def part(mnist: Splits, count: int) -> Split:
    return mnist.train.select(np.arange(count))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(EVERY_WRITING), st.integers(0, 2**32 - 1), st.floats(2, 24))
def test_every_writing_leaves_ink_inside_the_sheet(writing: tuple, seed: int, widest: float) -> None:
    picture = write(writing, np.random.default_rng(seed), widest=widest)
    assert picture.shape == (PICTURE_SIDE_PX, PICTURE_SIDE_PX)
    assert picture.dtype == np.uint8
    assert picture.max() == 255
    assert 0.005 < (picture > 127).mean() < 0.8


@pytest.mark.parametrize(
    "draw", [nondigits.scribble, nondigits.doodle, nondigits.blot, nondigits.texture, nondigits.ruling]
)
def test_non_digits_leave_ink_and_differ(draw) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    pictures = [draw(generator) for _ in range(20)]
    assert all(picture.any() for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 20
    again = np.random.default_rng(0)
    np.testing.assert_array_equal(pictures, [draw(again) for _ in range(20)])


def test_several_digits_are_wider_than_one_and_a_half_digit_has_less_ink(mnist: Splits) -> None:
    generator = np.random.default_rng(0)
    frames = np.asarray(mnist.train.images[:100])
    for _ in range(30):
        assert nondigits.several_digits(generator, frames).shape[1] > 40
        half = nondigits.half_digit(generator, frames[7])
        assert 0.1 < half.sum() / frames[7].sum() < 0.9


def test_companions_join_in_proportion_and_by_seed(mnist: Splits) -> None:
    digits = part(mnist, 400)
    joined = add_companions(digits, Companions(), seed=3)
    assert joined.classes == (*digits.classes, "none")
    images = np.asarray(joined.images)
    np.testing.assert_array_equal(images[:400], digits.images)
    added = np.bincount(joined.labels[400:], minlength=11)
    writings = [len(DIGIT_WRITINGS[digit]) for digit in range(10)]
    np.testing.assert_array_equal(added[:10], 4 * np.array(writings))
    assert 0.6 < added[10] / 400 < 1.2
    assert images.reshape(len(images), -1).any(1).all()
    again = add_companions(digits, Companions(), seed=3)
    np.testing.assert_array_equal(again.images, images)
    other = add_companions(digits, Companions(), seed=4)
    assert (np.asarray(other.images)[400:] != images[400:]).any()


def test_companions_need_the_ten_digits(mnist: Splits) -> None:
    letters = Split(mnist.train.images[:3], np.zeros(3, np.uint8), ("a", "b"))
    with pytest.raises(TrainingError, match="classes a, b; train another recipe"):
        add_companions(letters, Companions(), seed=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_rewriting_gives_frames(mnist: Splits, seed: int, count: int) -> None:
    frames = torch.tensor(mnist.test.images[:count]).to(torch.float32) / 255
    written = Rewriting()(frames, torch.Generator().manual_seed(seed))
    assert written.shape == frames.shape
    assert written.dtype == torch.float32
    assert torch.isfinite(written).all()
    assert written.min() >= 0
    assert written.max() <= 1
    again = Rewriting()(frames, torch.Generator().manual_seed(seed))
    assert torch.equal(written, again)


def test_without_any_change_rewriting_gives_the_digit_back(mnist: Splits, predictor: Predictor) -> None:
    none = dict.fromkeys(Rewriting.__dataclass_fields__, 0.0)
    frames = torch.tensor(mnist.test.images[:500]).to(torch.float32) / 255
    written = Rewriting(**none)(frames, torch.Generator().manual_seed(0))
    pages = (written * 255).round().to(torch.uint8).numpy()
    labels = [answer.label for answer in predictor.predict_digits(pages)]
    assert (np.array(labels) == mnist.test.labels[:500]).mean() > 0.98


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_plain_values(name: str) -> None:
    assert Recipe.from_dict(get_recipe(name).to_dict()) == get_recipe(name)


@pytest.mark.slow
def test_a_model_trained_with_companions_abstains(mnist: Splits, tmp_path: Path) -> None:
    recipe = replace(
        get_recipe("handwriting"), architecture=CNN, epochs=2, min_batches=0, batch_size=50, ema_decay=0.9
    )
    few = Splits(part(mnist, 2000), mnist.validation.select(np.arange(300)), mnist.test)
    run = start_run(recipe, tmp_path / "run")
    RECIPES["handwriting"], kept = recipe, RECIPES["handwriting"]
    try:
        for _ in fit(run, few):
            pass
        accuracy = finish_run(run, few)
    finally:
        RECIPES["handwriting"] = kept
    assert accuracy > 0.8
    predictor = Predictor(run.folder)
    assert predictor.classes == tuple("0123456789")
    others = add_companions(part(mnist, 400), Companions(), seed=77)
    answers = predictor.predict_digits(np.asarray(others.images)[others.labels == 10])
    digits = predictor.predict_digits(np.asarray(mnist.test.images[:500]))
    assert np.mean([answer.is_digit for answer in digits]) > 0.85
    assert np.mean([answer.is_digit for answer in answers]) < 0.35
    assert any(answer.label is None for answer in answers)
