"""Significance: known p-values, a bootstrap by brute force, symmetry, correction for many pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from number_prediction.errors import DataError
from number_prediction.evaluation.significance import (
    bootstrap_accuracy,
    bootstrap_difference,
    compare_pairs,
    holm,
    mcnemar,
)

counts = st.integers(0, 400)


def answers(both: int, only_first: int, only_second: int, neither: int) -> NDArray[np.bool_]:
    """(2, N) right answers with these counts."""
    rows = [(True, True)] * both + [(True, False)] * only_first + [(False, True)] * only_second
    return np.array(rows + [(False, False)] * neither, dtype=bool).T


@given(counts, counts)
@settings(deadline=None)
def test_mcnemar_is_the_binomial_test_of_the_discordant_pictures(first: int, second: int) -> None:
    p_value = mcnemar(first, second)
    assert 0 <= p_value <= 1
    assert p_value == mcnemar(second, first)
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "p_value"), [(0, 0, 1.0), (0, 1, 1.0), (0, 6, 2 / 64), (1, 7, 18 / 256), (5, 5, 1.0)]
)
def test_p_values_by_hand(first: int, second: int, p_value: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p_value)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
    np.testing.assert_allclose(holm([0.02]), [0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    corrected = holm(p_values)
    given_values = np.array(p_values)
    assert (corrected >= given_values).all()
    assert (corrected <= np.minimum(given_values * len(p_values), 1) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(given_values)]) >= 0).all()


@pytest.mark.parametrize(("only_first", "only_second"), [(38, 11), (4, 20), (12, 12), (0, 9)])
def test_the_interval_is_that_of_drawing_pictures_with_replacement(only_first: int, only_second: int) -> None:
    pair = answers(200, only_first, only_second, 30)
    gains = pair[0].astype(int) - pair[1]
    generator = np.random.default_rng(1)
    drawn = np.array([gains[generator.integers(0, len(gains), len(gains))].mean() for _ in range(5000)])
    found = bootstrap_difference(only_first, only_second, len(gains))
    np.testing.assert_allclose(found, np.percentile(drawn, [2.5, 97.5]), atol=1.5 / len(gains))


def test_the_interval_of_an_accuracy_is_that_of_drawing_pictures() -> None:
    correct = np.arange(400) % 25 != 0
    generator = np.random.default_rng(1)
    drawn = np.array([correct[generator.integers(0, 400, 400)].mean() for _ in range(5000)])
    np.testing.assert_allclose(bootstrap_accuracy(correct), np.percentile(drawn, [2.5, 97.5]), atol=1.5 / 400)


@given(counts, counts, counts, st.integers(1, 400))
@settings(deadline=None)
def test_models_exchanged_mirror_the_comparison(both: int, first: int, second: int, neither: int) -> None:
    correct = answers(both, first, second, neither)
    (one,), (other,) = compare_pairs(correct), compare_pairs(correct[::-1])
    assert one.difference == pytest.approx(correct[0].mean() - correct[1].mean())
    assert one.difference == -other.difference
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first) == (first, second)
    assert one.p_value == one.corrected_p_value == other.p_value
    low, high = one.interval
    assert -1 <= low <= one.difference + 0.01
    assert one.difference - 0.01 <= high <= 1
    if first != second:
        assert other.interval == (-high, -low)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
@settings(deadline=None)
def test_a_model_beside_itself_differs_in_nothing(correct: list[bool]) -> None:
    (pair,) = compare_pairs(np.array([correct, correct]))
    assert (pair.p_value, pair.interval, pair.difference) == (1, (0, 0), 0)
    assert not pair.is_significant


def test_all_pairs_are_compared_and_corrected_together() -> None:
    correct = np.ones((3, 1000), dtype=bool)
    correct[1, :9] = False
    correct[2, 500:540] = False
    pairs = compare_pairs(correct)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [(pair.only_first, pair.only_second) for pair in pairs] == [(9, 0), (40, 0), (40, 9)]
    assert [pair.corrected_p_value for pair in pairs] == holm([pair.p_value for pair in pairs]).tolist()
    assert all(pair.is_significant for pair in pairs)
    assert pairs[0].corrected_p_value == pairs[0].p_value  # the largest of all stays as it is


def test_one_model_makes_no_pair_and_no_pictures_are_refused() -> None:
    assert compare_pairs(np.ones((1, 5), dtype=bool)) == ()
    with pytest.raises(DataError, match="no pictures"):
        compare_pairs(np.ones((2, 0), dtype=bool))
    with pytest.raises(DataError, match="no pictures"):
        bootstrap_accuracy(np.ones(0, dtype=bool))
