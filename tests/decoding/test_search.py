"""Decoding against brute force: every path of small lattices, and exact fractions on longer ones."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.constraints.checksums import luhn
from number_prediction.constraints.constraint import Constraint, length, one_of, regex, satisfies
from number_prediction.constraints.values import number_range
from number_prediction.decoding.lattice import read_lattice, score
from number_prediction.decoding.search import decode
from number_prediction.errors import ConstraintError, ModelError
from tests.helpers.composed import peaks

FEW = ("", "1", "2", ".")
CONSTRAINTS: list[Constraint | None] = [
    None,
    length(2),
    length(0, 3),
    luhn(),
    regex(r"1+2?|2\.1"),
    regex(r"(12)*\.?"),
    regex(r"[^2]+"),
    one_of(["12", "11", "2.1", ""]),
    number_range(2, "21.5", places=1),
    satisfies(lambda text: text.count("1") == 2),
    satisfies(lambda text: not text.endswith("2")) & length(1, 3),
]


@st.composite
def lattices(draw: st.DrawFn) -> NDArray[np.float32]:
    """Probabilities (T, 4), T up to 5, flat or peaked, with zeros."""
    steps = draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = generator.dirichlet(np.full(len(FEW), draw(st.sampled_from([0.1, 1.0, 20.0]))), steps)
    if draw(st.booleans()):
        rows[generator.random(rows.shape) < 0.2] = 0
        rows[:, generator.integers(len(FEW))] += 1e-3
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def list_paths(lattice: NDArray[np.float32]) -> list[tuple[tuple[int, ...], str, float]]:
    """Every path that is possible, its text and its probability."""
    rows = lattice.astype(np.float64)
    rows /= rows.sum(1, keepdims=True)
    paths = []
    for path in itertools.product(range(len(FEW)), repeat=len(rows)):
        probability = math.prod(rows[step, glyph] for step, glyph in enumerate(path))
        if probability > 0:
            text = "".join(FEW[glyph] for glyph, _ in itertools.groupby(path))
            paths.append((path, text, probability))
    return paths


def sum_texts(paths: list[tuple[tuple[int, ...], str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for _, text, probability in paths:
        sums[text] = sums.get(text, 0.0) + probability
    return sums


@settings(deadline=None)
@given(lattices(), st.sampled_from(CONSTRAINTS), st.integers(1, 4))
def test_the_most_probable_allowed_texts_are_found(
    lattice: NDArray[np.float32], constraint: Constraint | None, n_best: int
) -> None:
    sums = sum_texts(list_paths(lattice))
    allowed = {text: sums[text] for text in sums if constraint is None or constraint.allows(text)}
    best = sorted(allowed.values(), reverse=True)[:n_best]
    readings = decode(lattice, FEW, constraint, n_best=n_best, beam_width=2000)
    if not best:
        assert [(reading.text, reading.confidence, reading.is_exact) for reading in readings] == [
            (None, 0, True)
        ]
        return
    assert [math.exp(reading.log_probability) for reading in readings] == pytest.approx(best, rel=1e-6)
    total = sum(allowed.values())
    for reading in readings:
        assert reading.text is not None
        assert reading.is_exact
        assert math.exp(reading.log_probability) == pytest.approx(allowed[reading.text], rel=1e-6)
        if constraint is None or not constraint.functions:
            assert math.exp(reading.log_allowed) == pytest.approx(total, rel=1e-6)
            assert reading.confidence == pytest.approx(allowed[reading.text] / total, rel=1e-6)
        else:
            assert math.exp(reading.log_allowed) >= total * (1 - 1e-6)
            assert reading.confidence <= allowed[reading.text] / total * (1 + 1e-6)


@settings(deadline=None)
@given(lattices(), st.sampled_from(CONSTRAINTS))
def test_a_narrow_beam_finds_something_and_knows_when_it_is_the_best(
    lattice: NDArray[np.float32], constraint: Constraint | None
) -> None:
    sums = sum_texts(list_paths(lattice))
    allowed = {text: sums[text] for text in sums if constraint is None or constraint.allows(text)}
    reading = decode(lattice, FEW, constraint, beam_width=1)[0]
    assert (reading.text is None) == (not allowed)
    if reading.text is not None:
        assert reading.text in allowed
        if reading.is_exact:
            assert allowed[reading.text] == pytest.approx(max(allowed.values()), rel=1e-6)


@settings(deadline=None)
@given(lattices(), st.sampled_from([c for c in CONSTRAINTS if c is None or not c.functions]))
def test_glyphs_have_spans_and_marginals(lattice: NDArray[np.float32], constraint: Constraint | None) -> None:
    paths = [path for path in list_paths(lattice) if constraint is None or constraint.allows(path[1])]
    reading = decode(lattice, FEW, constraint, beam_width=2000)[0]
    if not reading.text:
        assert reading.glyphs == ()
        return
    assert "".join(glyph.glyph for glyph in reading.glyphs) == reading.text
    path = [0] * len(lattice)
    for glyph in reading.glyphs:
        path[glyph.begin : glyph.end] = [FEW.index(glyph.glyph)] * (glyph.end - glyph.begin)
    alignments = {path: probability for path, text, probability in paths if text == reading.text}
    assert alignments[tuple(path)] == pytest.approx(max(alignments.values()), rel=1e-6)

    total = sum(probability for _, _, probability in paths)
    edges = [0, *(edge for glyph in reading.glyphs for edge in (glyph.begin, glyph.end)), len(lattice)]
    for place, glyph in enumerate(reading.glyphs):
        around = slice(edges[2 * place], edges[2 * place + 3])
        nothing = sum(probability for path, _, probability in paths if not any(path[around])) / total
        shares = np.zeros((glyph.end - glyph.begin, len(FEW)))
        for path, _, probability in paths:
            for row, step in enumerate(range(glyph.begin, glyph.end)):
                shares[row, path[step]] += probability
        surest = shares[shares[:, FEW.index(glyph.glyph)].argmax()]
        expected = surest / surest[1:].sum() * (1 - nothing)
        assert glyph.confidence == pytest.approx(expected[FEW.index(glyph.glyph)], rel=1e-5)
        others = dict(glyph.alternatives)
        assert glyph.glyph not in others
        for name, share in zip(FEW[1:], expected[1:], strict=True):
            if name != glyph.glyph and share > 2e-4:
                assert others[name] == pytest.approx(share, rel=1e-5)
        if nothing > 2e-4:
            assert others[""] == pytest.approx(nothing, rel=1e-5)
        assert list(others.values()) == sorted(others.values(), reverse=True)
        assert glyph.confidence + sum(others.values()) == pytest.approx(1, abs=1e-3)


def exact_score(lattice: NDArray[np.float32], glyphs: tuple[str, ...], text: str) -> Fraction:
    """Probability of a text by the forward recurrence of Graves et al. (2006), in fractions."""
    states = [0, *(state for glyph in text for state in (glyphs.index(glyph), 0))]
    masses = [Fraction(1), *[Fraction(0)] * (len(states) - 1)]
    is_first = True
    for row in lattice:
        values = [Fraction(float(value)) for value in row]
        total = sum(values)
        new = []
        for place, glyph in enumerate(states):
            mass = masses[place] + (masses[place - 1] if place else 0)
            if place > 1 and glyph and glyph != states[place - 2]:
                mass += masses[place - 2]
            if is_first:
                mass = Fraction(int(place < 2))
            new.append(mass * values[glyph] / total)
        masses, is_first = new, False
    return masses[-1] + (masses[-2] if text else 0)


def logarithm(value: Fraction) -> float:
    """Of any size."""
    return math.log(value.numerator) - math.log(value.denominator)


@settings(deadline=None)
@given(lattices(), st.lists(st.text("12.", max_size=6), max_size=6))
def test_scores_of_texts_are_exact(lattice: NDArray[np.float32], texts: list[str]) -> None:
    scores = score(read_lattice(lattice, FEW), texts)
    for text, found in zip(texts, scores, strict=True):
        exact = exact_score(lattice, FEW, text)
        assert found == (pytest.approx(logarithm(exact), rel=1e-9, abs=1e-9) if exact else -math.inf)
    assert score(read_lattice(lattice, FEW), ["7"])[0] == -math.inf


def test_a_saturated_lattice_bends_to_the_constraint() -> None:
    """The allowed text has a probability far below the smallest float64."""
    lattice = np.full((60, len(GLYPHS)), 1e-38, np.float32)
    lattice[:, 0] = 1
    lattice[1::5, 1] = 1
    lattice[1::5, 0] = 1e-38
    assert decode(lattice, GLYPHS)[0].text == "0" * 12
    reading = decode(lattice, GLYPHS, regex("7{12}"))[0]
    exact = exact_score(lattice, GLYPHS, "7" * 12)
    assert reading.text == "7" * 12
    assert reading.log_probability == pytest.approx(logarithm(exact), abs=1e-6)
    assert reading.log_probability < -800
    assert reading.confidence == pytest.approx(1)


def test_sums_over_alignments_beat_the_most_probable_alignment() -> None:
    """Graves' example: the best path is blank, the best text is not."""
    lattice = np.array([[0.6, 0.4], [0.6, 0.4]], np.float32)
    reading = decode(lattice, ("", "1"))[0]
    assert reading.text == "1"
    assert reading.confidence == pytest.approx(1 - 0.36)


def test_repeated_digits_need_a_blank_between() -> None:
    glyph = np.array([0.02, 0.98], np.float32)
    blank = glyph[::-1]
    assert decode(np.stack([glyph, glyph]), ("", "1"))[0].text == "1"
    reading = decode(np.stack([glyph, blank, glyph]), ("", "1"))[0]
    assert reading.text == "11"
    assert [(one.begin, one.end) for one in reading.glyphs] == [(0, 1), (2, 3)]


def test_a_doubtful_digit_shows_its_alternative() -> None:
    reading = decode(peaks("4711", {1: ("1", 0.3)}), GLYPHS, length(4))[0]
    assert reading.text == "4711"
    assert reading.confidence == pytest.approx(0.7, abs=0.02)
    doubtful = reading.glyphs[1]
    assert doubtful.confidence == pytest.approx(0.7, abs=0.02)
    assert doubtful.alternatives[0] == ("1", pytest.approx(0.3, abs=0.02))
    assert all(glyph.confidence > 0.97 for glyph in (reading.glyphs[0], *reading.glyphs[2:]))


def test_a_checksum_makes_two_doubtful_digits_one_decision() -> None:
    """Both digits are doubtful by themselves; the checksum leaves two texts, which differ in both."""
    lattice = peaks("18", {0: ("2", 0.4), 1: ("6", 0.4)})
    free = decode(lattice, GLYPHS, one_of(["18", "16", "28", "26"]))[0]
    joined = decode(lattice, GLYPHS, one_of(["18", "16", "28", "26"]) & luhn())[0]
    assert (free.text, joined.text) == ("18", "18")
    assert free.glyphs[0].confidence == pytest.approx(0.6, abs=0.02)
    assert joined.glyphs[0].confidence == pytest.approx(0.36 / 0.52, abs=0.02)
    assert joined.confidence == pytest.approx(0.36 / 0.52, abs=0.02)


def test_an_empty_line_is_an_empty_text() -> None:
    reading = decode(np.tile(np.array([0.999, 0.001], np.float32), (9, 1)), ("", "1"))[0]
    assert (reading.text, reading.glyphs) == ("", ())
    assert reading.confidence > 0.99


def test_where_nothing_fits_the_text_is_none() -> None:
    lattice = peaks("12")
    too_long = decode(lattice, GLYPHS, length(7))
    assert len(too_long) == 1
    assert (too_long[0].text, too_long[0].confidence, too_long[0].is_exact) == (None, 0.0, True)
    assert json.loads(json.dumps(too_long[0].to_dict()))["log_probability"] is None


def test_a_function_that_is_never_true_is_given_up() -> None:
    asked: list[str] = []

    def never(text: str) -> bool:
        asked.append(text)
        return False

    reading = decode(peaks("1234"), GLYPHS, satisfies(never, tries=50) & length(4))[0]
    assert (reading.text, reading.is_exact) == (None, False)
    assert len(asked) == len(set(asked)) == 50
    assert asked[0] == "1234"
    small = decode(peaks("12"), GLYPHS, satisfies(never) & one_of(["12", "13"]))[0]
    assert (small.text, small.is_exact) == (None, True)


def test_the_beam_widens_until_a_function_is_true() -> None:
    wanted = satisfies(lambda text: text == "8765", tries=10_000) & one_of(
        [f"{number:04}" for number in range(8600, 8800)]
    )
    reading = decode(peaks("8600"), GLYPHS, wanted, beam_width=1)[0]
    assert (reading.text, reading.is_exact) == ("8765", False)


def test_what_is_very_improbable_says_so() -> None:
    reading = decode(peaks("1234"), GLYPHS, regex("99"))[0]
    assert reading.text == "99"
    assert reading.confidence == pytest.approx(1)
    assert reading.log_allowed < -15


def test_glyphs_of_another_alphabet_are_read_but_never_allowed() -> None:
    lattice = np.array([[0.1, 0.6, 0.3]], np.float32)
    assert decode(lattice, ("", "x", "1"))[0].text == "x"
    assert decode(lattice, ("", "x", "1"), length(1))[0].text == "1"
    assert decode(lattice, ("", "x", "1"), one_of(["7"]))[0].text is None


def test_a_reading_is_ready_for_json() -> None:
    values = json.loads(json.dumps(decode(peaks("42"), GLYPHS)[0].to_dict()))
    assert (values["text"], values["is_exact"]) == ("42", True)
    assert [glyph["glyph"] for glyph in values["glyphs"]] == ["4", "2"]
    assert values["glyphs"][0]["begin"] == 1


@pytest.mark.parametrize(
    ("lattice", "glyphs", "message"),
    [
        (np.full((2, 3), 1 / 3, np.float32), ("", "1"), r"\(2, 3\) for 2 glyphs"),
        (np.empty((0, 2), np.float32), ("", "1"), r"\(0, 2\)"),
        (np.full((2, 2), 0.4, np.float32), ("", "1"), "softmax"),
        (np.array([[1.5, -0.5]], np.float32), ("", "1"), "softmax"),
        (np.array([[np.nan, 1]], np.float32), ("", "1"), "softmax"),
        (np.full((1, 2), 0.5, np.float32), ("1", ""), "blank"),
        (np.full((1, 3), 1 / 3, np.float32), ("", "1", "1"), "once"),
        (np.full((1, 2), 0.5, np.float32), ("", "10"), "characters"),
    ],
)
def test_what_is_no_lattice_is_refused(
    lattice: NDArray[np.float32], glyphs: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        decode(lattice, glyphs)


def test_too_much_is_refused() -> None:
    lattice = peaks("1")
    with pytest.raises(ConstraintError, match="beam_width=0"):
        decode(lattice, GLYPHS, beam_width=0)
    with pytest.raises(ConstraintError, match="n_best=0"):
        decode(lattice, GLYPHS, n_best=0)
    long = np.tile(lattice, (120_000, 1))
    with pytest.raises(ConstraintError, match="time steps"):
        decode(long, GLYPHS, luhn())
