"""How lines are laid out before they are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.constants import GLYPHS
from number_prediction.training.synthesis.hands import MAX_LINE_RISE, Hand


def places(text: str) -> tuple[int, ...]:
    return tuple(GLYPHS.index(glyph) for glyph in text)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), text=st.text("0123456789+/", max_size=12))
def test_a_line_is_as_high_as_it_is_framed(seed: int, text: str) -> None:
    random = np.random.default_rng(seed)
    hand = Hand(random)
    heights, middles, unit = hand.lay_out(places(text), random)
    assert heights.shape == middles.shape == (len(text),)
    assert unit > 0
    if text:
        top, foot = (middles - heights / 2).min(), (middles + heights / 2).max()
        assert top + foot == pytest.approx(0, abs=1e-5)
        assert foot - top == pytest.approx(hand.framed, abs=1e-5) or foot - top < hand.framed


def test_marks_do_not_decide_the_height() -> None:
    random = np.random.default_rng(0)
    hand = Hand(random)
    hand.slope, hand.wander, hand.uneven_size = 0.0, 0.0, 0.0
    hand.tall_ones, hand.hanging = 1.0, 0.0
    heights, middles, _ = hand.lay_out(places("2.5"), random)
    assert heights[[0, 2]] == pytest.approx([hand.framed, hand.framed])
    assert middles[[0, 2]] == pytest.approx([0, 0], abs=1e-6)


def test_hands_differ_as_people_do() -> None:
    """Tall ones make the others small, hanging digits stand lower, and a steep line stays on its paper."""
    random = np.random.default_rng(1)
    hand = Hand(random)
    hand.wander, hand.uneven_size, hand.slope, hand.hanging, hand.framed = 0.0, 0.0, 0.0, 0.0, 1.0
    hand.tall_ones = 1.8
    heights, _, _ = hand.lay_out(places("122"), random)
    assert heights[0] == pytest.approx(1.8 * heights[1])
    assert heights[1] < 0.75
    hand.tall_ones, hand.hanging = 1.0, 0.4
    _, middles, _ = hand.lay_out(places("2922"), random)
    assert middles[1] > middles[0] + 0.2
    hand.hanging, hand.slope = 0.0, 0.9
    heights, middles, _ = hand.lay_out(places("222222222222"), random)
    assert abs(middles[-1] - middles[0]) <= MAX_LINE_RISE
    assert heights.min() > 0.4
