"""Assignment against SciPy and enumeration, and a class list that it repairs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from number_prediction.constants import GLYPHS
from number_prediction.decoding.assignment import assign
from number_prediction.decoding.lattice import read_lattice, score
from number_prediction.decoding.search import decode
from number_prediction.errors import ConstraintError
from tests.helpers.composed import Handwriting, compose, peaks

LEAST = 1e-3
SMALL = ("", "1", "2")


def random_lattices(count: int, seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [
        generator.dirichlet([0.5, 0.5, 0.5], generator.integers(2, 7)).astype(np.float32)
        for _ in range(count)
    ]


def pair_costs(lattices: list[np.ndarray], roster: list[str]) -> np.ndarray:
    """Costs of all pairs, then of nobody for each lattice."""
    nobody = np.where(np.eye(len(lattices), dtype=bool), -math.log(LEAST), 1e9)
    scores = np.array([score(read_lattice(lattice, SMALL), roster) for lattice in lattices])
    return np.hstack([np.minimum(-scores.reshape(len(lattices), -1), 1e9), nobody])


@settings(deadline=None)
@given(st.integers(1, 9), st.sets(st.text("12", min_size=1, max_size=4), max_size=9), st.integers(0, 10**6))
def test_the_assignment_is_the_cheapest(count: int, names: set[str], seed: int) -> None:
    lattices, roster = random_lattices(count, seed), sorted(names)
    assignment = assign(lattices, roster, glyphs=SMALL, least_probability=LEAST)
    costs = pair_costs(lattices, roster)
    expected = costs[linear_sum_assignment(costs)].sum()
    found = 0.0
    for row, reading in enumerate(assignment.readings):
        if reading.text is None:
            found -= math.log(LEAST)
            assert reading.log_probability == -math.inf
        else:
            found += costs[row, roster.index(reading.text)]
            assert reading.log_probability == pytest.approx(-costs[row, roster.index(reading.text)])
    assert found == pytest.approx(expected, rel=1e-9)
    taken = [reading.text for reading in assignment.readings if reading.text is not None]
    assert len(set(taken)) == len(taken)
    assert sorted([*taken, *assignment.left_over]) == roster


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 10**6))
def test_the_confidence_is_the_odds_against_the_next_best(count: int, names: int, seed: int) -> None:
    lattices, roster = random_lattices(count, seed), ["12", "1", "211"][:names]
    assignment = assign(lattices, roster, glyphs=SMALL, least_probability=LEAST)
    costs = pair_costs(lattices, roster)
    columns = range(costs.shape[1])
    totals = {
        choice: sum(costs[row, column] for row, column in enumerate(choice))
        for choice in itertools.permutations(columns, count)
    }
    for row, reading in enumerate(assignment.readings):
        chosen = names + row if reading.text is None else roster.index(reading.text)
        with_pair = min(total for choice, total in totals.items() if choice[row] == chosen)
        without = min((total for choice, total in totals.items() if choice[row] != chosen), default=math.inf)
        assert reading.confidence == pytest.approx(
            1 / (1 + math.exp(max(with_pair - without, -700))), abs=1e-9
        )


def test_a_class_list_is_repaired(handwriting: Handwriting) -> None:
    """A misread digit makes two papers one pupil's, each by itself; together they are told apart."""
    written, misread, answer = handwriting.misread[0]
    first, second = f"31{written}5", f"31{misread}5"
    roster = ["2070", first, "4468", second, "9999"]
    spoiled = [handwriting.clear[3], handwriting.clear[1], answer, handwriting.clear[5]]
    papers = [
        compose(spoiled),
        compose([handwriting.clear[int(digit)] for digit in second]),
        peaks("4468"),
        peaks("2070"),
    ]
    assert [decode(paper, GLYPHS)[0].text for paper in papers] == [second, second, "4468", "2070"]
    assignment = assign(papers, roster)
    assert [reading.text for reading in assignment.readings] == [first, second, "4468", "2070"]
    assert assignment.left_over == ("9999",)
    assert all(reading.confidence > 0.99 for reading in assignment.readings)


def test_a_stranger_and_a_second_paper_are_nobodys() -> None:
    papers = [peaks("1234"), peaks("87"), peaks("5678"), peaks("1234", {0: ("7", 0.4)})]
    assignment = assign(papers, ["1234", "5678"])
    assert [reading.text for reading in assignment.readings] == ["1234", None, "5678", None]
    assert assignment.left_over == ()
    first, stranger, other, second = assignment.readings
    assert stranger.confidence > 0.99
    assert other.confidence > 0.99
    assert first.confidence == second.confidence == pytest.approx(1 / 1.6, abs=0.02)


def test_empty_lists_are_assigned() -> None:
    assert assign([], ["1"]).left_over == ("1",)
    assert [reading.text for reading in assign([peaks("1")], []).readings] == [None]


def test_a_roster_is_checked() -> None:
    with pytest.raises(ConstraintError, match="'12' is twice on the roster"):
        assign([peaks("12")], ["12", "13", "12"])
    with pytest.raises(ConstraintError, match="'1a'"):
        assign([peaks("12")], ["1a"])
    with pytest.raises(ConstraintError, match="least_probability=0"):
        assign([peaks("12")], ["12"], least_probability=0)
