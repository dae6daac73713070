"""Robustness: each distortion does what it says, and the level that changes nothing costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.digits import evaluate
from number_prediction.evaluation.robustness import (
    DISTORTIONS,
    ENLARGEMENT,
    PAGE_MARGIN_PX,
    PAGE_SIDE_PX,
    Distortion,
    enlarge,
    measure_robustness,
)

BY_NAME = {distortion.name: distortion for distortion in DISTORTIONS}
UNCHANGED = {"rotation": 0, "shift": 0, "scale": 1, "noise": 0, "blur": 0, "stroke width": 0, "contrast": 1}
CENTRE = PAGE_SIDE_PX // 2


def distort(name: str, ink: NDArray[np.float32], level: float, *, seed: int = 0) -> NDArray[np.float32]:
    return BY_NAME[name].apply(ink, level, np.random.default_rng(seed))


def page(rows: slice, columns: slice) -> NDArray[np.float32]:
    """One page (1, PAGE_SIDE_PX, PAGE_SIDE_PX) with a box of ink; the slices are counted from the centre."""
    ink = np.zeros((1, PAGE_SIDE_PX, PAGE_SIDE_PX), np.float32)
    ink[0, CENTRE + rows.start : CENTRE + rows.stop, CENTRE + columns.start : CENTRE + columns.stop] = 1
    return ink


def centre_of_mass(ink: NDArray[np.float32]) -> tuple[float, float]:
    """Of one page: to the right of its centre, and below it."""
    row, column = ndimage.center_of_mass(ink[0])
    return column + 0.5 - CENTRE, row + 0.5 - CENTRE


def test_frames_are_enlarged_onto_paper(mnist: Splits) -> None:
    ink = enlarge(mnist.test.images[:5])
    assert ink.shape == (5, PAGE_SIDE_PX, PAGE_SIDE_PX)
    assert ink.dtype == np.float32
    inside = slice(PAGE_MARGIN_PX, -PAGE_MARGIN_PX)
    assert ink[:, inside, inside].sum() == ink.sum()
    small = ink[:, inside, inside].reshape(5, 28, ENLARGEMENT, 28, ENLARGEMENT).mean((2, 4))
    assert np.abs(small - mnist.test.images[:5] / 255).mean() < 0.02


@given(st.sampled_from(DISTORTIONS), st.floats(0, 1), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_any_level_gives_ink_of_the_same_form(distortion: Distortion, share: float, seed: int) -> None:
    lowest, highest = distortion.levels[0], distortion.levels[-1]
    generator = np.random.default_rng(seed)
    ink = ndimage.gaussian_filter(generator.random((2, PAGE_SIDE_PX, PAGE_SIDE_PX), np.float32), (0, 2, 2))
    ink = np.where(ink > 0.5, 1, ink)
    before = ink.copy()
    found = distortion.apply(ink, lowest + share * (highest - lowest), generator)
    assert found.shape == ink.shape
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-6
    assert (ink == before).all()  # what was given is left alone


@pytest.mark.parametrize("distortion", DISTORTIONS, ids=lambda distortion: distortion.name)
def test_one_level_of_each_changes_nothing(distortion: Distortion, mnist: Splits) -> None:
    ink = enlarge(mnist.test.images[:3])
    level = UNCHANGED[distortion.name]
    assert level in distortion.levels
    assert list(distortion.levels) == sorted(distortion.levels)
    np.testing.assert_allclose(distortion.apply(ink, level, np.random.default_rng(0)), ink, atol=1e-6)


def test_rotation_turns_clockwise_and_back() -> None:
    right = page(slice(-2, 2), slice(10, 18))
    x, y = centre_of_mass(distort("rotation", right, 90))
    assert (x, y) == pytest.approx((0, 14), abs=0.1)  # from the right to below
    x, y = centre_of_mass(distort("rotation", right, -90))
    assert (x, y) == pytest.approx((0, -14), abs=0.1)
    x, y = centre_of_mass(distort("rotation", right, 30))
    assert (x, y) == pytest.approx((14 * np.cos(np.pi / 6), 7), abs=0.1)
    back = distort("rotation", distort("rotation", right, 30), -30)
    assert np.abs(back - right).mean() < 0.01


def test_shift_moves_each_page_as_far_in_a_direction_of_its_own() -> None:
    ink = np.repeat(page(slice(-4, 4), slice(-2, 2)), 8, axis=0)
    moved = distort("shift", ink, 3)
    places = np.array([centre_of_mass(one[np.newaxis]) for one in moved])
    assert np.hypot(*places.T) == pytest.approx(3 * ENLARGEMENT, abs=0.05)
    angles = np.arctan2(*places.T)
    assert np.diff(np.sort(angles)).min() > 0.01
    assert (distort("shift", ink, 3) == moved).all()
    assert (distort("shift", ink, 3, seed=1) != moved).any()


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.75, 1.25])
def test_scale_changes_the_size_about_the_centre(factor: float) -> None:
    ink = page(slice(-20, 20), slice(-10, 10))
    scaled = distort("scale", ink, factor)
    assert scaled.sum() == pytest.approx(ink.sum() * factor**2, rel=0.05)
    assert centre_of_mass(scaled) == pytest.approx((0, 0), abs=0.6)
    assert scaled[0].max(0).sum() == pytest.approx(20 * factor, abs=1)


def test_small_pictures_keep_thin_strokes() -> None:
    line = page(slice(-20, 20), slice(0, 1))
    assert distort("scale", line, 0.25).sum() == pytest.approx(line.sum() / 16, rel=0.1)


def test_strokes_grow_and_shrink_by_the_level() -> None:
    bar = page(slice(-20, 20), slice(-4, 4))
    for level in (-2, -1, 1, 2, 3):
        width = distort("stroke width", bar, level)[0, CENTRE].sum()
        assert width == 8 + level * ENLARGEMENT


def test_strokes_of_digits_change_their_ink(mnist: Splits) -> None:
    ink = enlarge(mnist.test.images[:20])
    amounts = [distort("stroke width", ink, level).sum() for level in BY_NAME["stroke width"].levels]
    assert (np.diff(amounts) > 0).all()


def test_noise_blur_and_contrast_grow_with_their_level(mnist: Splits) -> None:
    ink = enlarge(mnist.test.images[:20])
    for name in ("noise", "blur"):
        changes = [np.abs(distort(name, ink, level) - ink).mean() for level in BY_NAME[name].levels]
        assert (np.diff(changes) > 0).all()
    blurred = distort("blur", ink, 1)
    assert blurred.sum() == pytest.approx(ink.sum(), rel=0.01)
    grey = np.full((1, PAGE_SIDE_PX, PAGE_SIDE_PX), 0.5, np.float32)
    assert np.std(distort("noise", grey, 0.1)) == pytest.approx(0.1, rel=0.05)
    np.testing.assert_allclose(distort("contrast", ink, 0.25), 0.25 * ink)


def test_the_table_holds_the_plain_accuracy_where_nothing_changes(
    predictor: Predictor, mnist: Splits
) -> None:
    some = mnist.test.select(np.arange(0, 10_000, 100))
    images, labels = some.images.copy(), some.labels.copy()
    images[:3] = 0  # abstentions are wrong at every level
    labels[3:8] = (labels[3:8] + 1) % 10
    split = Split(images, labels, some.classes)
    table = measure_robustness(predictor, split)
    pages = np.rint(255 * (1 - enlarge(images))).astype(np.uint8)
    plain = evaluate(predictor, Split(pages, labels, some.classes), name="enlarged").accuracy
    assert plain < 0.95
    assert list(table.columns) == ["distortion", "unit", "level", "accuracy", "pictures"]
    assert (table["pictures"] == 100).all()
    for distortion in DISTORTIONS:
        part = table[table["distortion"] == distortion.name].set_index("level")
        assert part.index.tolist() == list(distortion.levels)
        assert part.loc[UNCHANGED[distortion.name], "accuracy"] == plain
        assert part["accuracy"].between(0, plain + 0.03).all()
    hardest = table.set_index(["distortion", "level"])["accuracy"]
    assert hardest["rotation", 60] < plain - 0.2
    assert hardest["blur", 2] < plain
