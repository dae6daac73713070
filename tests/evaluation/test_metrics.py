"""Figures against scikit-learn, SciPy, published values and cases worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

from number_prediction.evaluation.metrics import (
    apply_temperature,
    class_scores,
    confusion_matrix,
    coverage_curve,
    log_loss,
    reliability,
    wilson_interval,
)


def random_answers(class_count: int, count: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels (N,) and probabilities (N, C) of a model that is often right and never says the last class."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, class_count, count)
    scores = generator.random((count, class_count)) + np.eye(class_count)[labels] * 0.7
    scores[:, -1] *= 1e-3
    return labels, scores / scores.sum(1, keepdims=True)


@pytest.mark.parametrize("label_type", [np.uint8, np.int64])
@pytest.mark.parametrize(("class_count", "count"), [(2, 50), (10, 1), (10, 3), (10, 700), (200, 900)])
def test_figures_agree_with_scikit_learn(class_count: int, count: int, label_type: type) -> None:
    labels, probabilities = random_answers(class_count, count, seed=count)
    predicted = probabilities.argmax(1)
    labels = labels.astype(label_type)
    every_class = range(class_count)
    assert log_loss(labels, probabilities) == pytest.approx(
        sklearn_metrics.log_loss(labels, probabilities, labels=every_class)
    )
    confusion = confusion_matrix(labels, predicted, class_count)
    expected = sklearn_metrics.confusion_matrix(labels, predicted, labels=every_class)
    np.testing.assert_array_equal(confusion, expected)
    scores = class_scores(confusion)
    figures = scores.precision, scores.recall, scores.f1, scores.support
    expected = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=every_class, zero_division=0.0
    )
    for figure, expected_figure in zip(figures, expected, strict=True):
        np.testing.assert_allclose(figure, expected_figure)


def test_a_confusion_matrix_has_a_row_for_each_true_class() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1, 3]), np.array([0, 2, 1, 1]), 4)
    assert confusion.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert confusion.dtype == np.int64


def test_classes_with_nothing_to_divide_by_score_zero() -> None:
    scores = class_scores(np.array([[4, 1, 0], [0, 0, 0], [2, 0, 0]]))
    np.testing.assert_allclose(scores.precision, [4 / 6, 0, 0])
    np.testing.assert_allclose(scores.recall, [4 / 5, 0, 0])
    np.testing.assert_allclose(scores.f1, [8 / 11, 0, 0])
    assert scores.support.tolist() == [5, 0, 2]


def test_log_loss_of_certainty() -> None:
    probabilities = np.array([[1, 0], [0.5, 0.5]])
    assert log_loss(np.array([0, 1]), probabilities) == pytest.approx(np.log(2) / 2)
    assert np.isfinite(log_loss(np.array([1, 1]), probabilities))  # the true class got 0
    assert log_loss(np.array([1, 1]), probabilities.astype(np.float32)) > 10


# Wilson's interval


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(correct: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
@settings(deadline=None)
def test_intervals_agree_with_scipy(case: tuple[int, int]) -> None:
    correct, total = case
    low, high = wilson_interval(correct, total)
    expected = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= low <= correct / total + 1e-12
    assert correct / total - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("correct", "total"), [(95, 100), (0, 10), (10, 10), (9_970, 10_000), (0, 1), (1, 1)]
)
def test_intervals_mirror_right_and_wrong(correct: int, total: int) -> None:
    low, high = wilson_interval(correct, total)
    assert wilson_interval(total - correct, total) == pytest.approx((1 - high, 1 - low))
    assert low < high


# Calibration


def test_reliability_by_hand() -> None:
    confidence = np.array([0.9, 0.5, 0.8, 0.6])
    correct = np.array([True, False, True, True])
    found = reliability(confidence, correct, bins=2)
    np.testing.assert_allclose(found.confidence, [0.55, 0.85])
    np.testing.assert_allclose(found.accuracy, [0.5, 1.0])
    assert found.count.tolist() == [2, 2]
    assert found.expected_calibration_error == pytest.approx((0.05 * 2 + 0.15 * 2) / 4)


def test_bins_that_differ_in_size_weigh_by_their_count() -> None:
    found = reliability(np.array([0.2, 0.2, 0.7]), np.array([False, True, True]), bins=2)
    assert found.count.tolist() == [2, 1]
    assert found.expected_calibration_error == pytest.approx((0.3 * 2 + 0.3 * 1) / 3)


@pytest.mark.parametrize(("correct", "error"), [(True, 0.0), (False, 1.0)])
def test_certainty_is_calibrated_where_it_is_right(correct: bool, error: float) -> None:
    found = reliability(np.ones(100), np.full(100, correct))
    assert found.expected_calibration_error == error


def test_calibrated_confidence_has_no_error() -> None:
    confidence = np.repeat([0.25, 0.5, 0.75, 1.0], 400)
    correct = np.concatenate([np.arange(400) % 4 < quarters for quarters in (1, 2, 3, 4)])
    assert reliability(confidence, correct, bins=16).expected_calibration_error == pytest.approx(0)
    generator = np.random.default_rng(0)
    confidence = generator.random(100_000)
    correct = generator.random(100_000) < confidence
    assert reliability(confidence, correct).expected_calibration_error < 0.01
    assert reliability(confidence**2, correct).expected_calibration_error > 0.1


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_reliability_of_any_answers(answers: list[tuple[float, bool]], bins: int) -> None:
    confidence, correct = np.array([c for c, _ in answers]), np.array([right for _, right in answers])
    found = reliability(confidence, correct, bins)
    assert len(found.count) == min(bins, len(answers))
    assert found.count.sum() == len(answers)
    assert np.ptp(found.count) <= 1  # equal mass
    assert (np.diff(found.confidence) > -1e-12).all()
    assert (found.confidence * found.count).sum() / len(answers) == pytest.approx(confidence.mean())
    assert (found.accuracy * found.count).sum() / len(answers) == pytest.approx(correct.mean())
    overall_gap = abs(confidence.mean() - correct.mean())
    assert overall_gap - 1e-9 <= found.expected_calibration_error <= 1


def test_coverage_of_known_answers() -> None:
    confidence = np.array([0.9, 0.99, 0.5, 0.9, 0.2])
    correct = np.array([True, True, False, True, True])
    found = coverage_curve(confidence, correct)
    assert found.threshold.tolist() == [0.99, 0.9, 0.5, 0.2]
    assert found.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert found.accuracy.tolist() == [1.0, 1.0, 0.75, 0.8]
    assert found.at_accuracy(1.0) == (0.6, 0.9)
    assert found.at_accuracy(0.78) == (1.0, 0.2)


def test_an_accuracy_that_is_never_reached_covers_nothing() -> None:
    assert coverage_curve(np.array([0.9, 0.8]), np.array([False, True])).at_accuracy(0.6) == (0, np.inf)


@given(st.integers(0, 2**32), st.integers(1, 80))
@settings(deadline=None)
def test_accepting_all_from_a_threshold_gives_what_the_curve_says(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    confidence = generator.integers(0, 20, count) / 20  # with ties
    correct = generator.random(count) < confidence
    found = coverage_curve(confidence, correct)
    assert found.coverage[-1] == 1
    for threshold, coverage, accuracy in zip(found.threshold, found.coverage, found.accuracy, strict=True):
        accepted = confidence >= threshold
        assert coverage == pytest.approx(accepted.mean())
        assert accuracy == pytest.approx(correct[accepted].mean())


@given(st.integers(0, 2**32), st.integers(2, 12), st.floats(0.4, 4))
@settings(deadline=None)
def test_a_temperature_divides_the_logits(seed: int, class_count: int, temperature: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (20, class_count))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = apply_temperature(probabilities, temperature)
    expected = np.exp(logits / temperature)
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=1e-5)
    assert (found.argmax(1) == probabilities.argmax(1)).all()
    np.testing.assert_allclose(apply_temperature(found, 1 / temperature), probabilities, atol=1e-4)
    softer = found.max(1) - probabilities.max(1) <= 1e-9
    assert softer.all() if temperature >= 1 else (~softer).any()


def test_a_temperature_of_certain_answers_stays_finite() -> None:
    certain = np.array([[1, 0, 0]], np.float32)
    for temperature in (0.5, 1.0, 20.0):
        found = apply_temperature(certain, temperature)
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1)
