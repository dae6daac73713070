"""Rules: removed from a mask, with the digits on them whole."""

from __future__ import annotations

import numpy as np

from number_prediction.layout.rules import find_rules, remove_rules

LIMITS = {"length": 60, "thickness": 3, "gap": 4}


def ruled() -> tuple[np.ndarray, np.ndarray]:
    """A mask of two horizontal rules, one upright rule and a thick stroke across a rule; and the stroke."""
    stroke = np.zeros((200, 300), bool)
    stroke[70:130, 140:148] = True
    mask = stroke.copy()
    mask[99:101] = True
    mask[160:162, 20:280] = True
    mask[:, 40:42] = True
    return mask, stroke


def test_rules_are_removed_and_strokes_across_them_stay() -> None:
    mask, stroke = ruled()
    rest = remove_rules(mask, **LIMITS)
    assert not rest[160:162].any()
    assert not rest[:, 40:42].any()
    assert (rest & stroke).sum() == stroke.sum()
    assert (rest & ~stroke).sum() <= 20


def test_only_horizontal_rules_are_found() -> None:
    mask, _ = ruled()
    found = find_rules(mask, **LIMITS)
    assert found[160:162, 60:280].all()
    assert not found[120:150, 40:42].any()
    assert not (found & ~mask).any()


def test_a_broken_rule_is_one_rule() -> None:
    mask = np.zeros((60, 300), bool)
    mask[30:32, 10:290] = True
    mask[30:32, 100:103] = False
    assert not remove_rules(mask, **LIMITS).any()


def test_short_strokes_stay() -> None:
    mask = np.zeros((60, 300), bool)
    mask[30:32, 10:50] = True
    np.testing.assert_array_equal(remove_rules(mask, **LIMITS), mask)
