"""Finite automata over glyphs: they say glyph by glyph which texts are allowed. NumPy only.

They are deterministic and minimal (Moore, 1956): every state leads to an accepted text, and no two states
accept the same continuations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import GLYPHS
from number_prediction.errors import ConstraintError

ALPHABET = "".join(GLYPHS)
"""The glyphs, in the order of an automaton's columns."""
MAX_STATES = 200_000
"""States of the largest automaton: enough for a roster of 25,000 numbers with eight digits."""
NO_STATE = -1
"""Stands in place of a state if a glyph is not allowed."""

State = TypeVar("State")


@dataclass(frozen=True, eq=False)
class Automaton:
    """S states over A glyphs; state 0 is the start."""

    transitions: NDArray[np.int32]
    """(S, A) int32: the state after each glyph of ALPHABET, or NO_STATE."""
    accepting: NDArray[np.bool_]
    """(S,) whether a text may end in a state."""

    @property
    def is_empty(self) -> bool:
        """Whether no text is accepted; such an automaton has no states."""
        return len(self.accepting) == 0

    @property
    def is_everything(self) -> bool:
        """Whether every text is accepted."""
        return len(self.accepting) == 1 and bool(self.accepting[0]) and bool((self.transitions == 0).all())

    def accepts(self, text: str) -> bool:
        """Whether `text` is allowed."""
        if self.is_empty or not set(text) <= set(ALPHABET):
            return False
        state = 0
        for glyph in text:
            state = int(self.transitions[state, ALPHABET.index(glyph)])
            if state == NO_STATE:
                return False
        return bool(self.accepting[state])


def build(
    start: State, step: Callable[[State, str], State | None], accepts: Callable[[State], bool]
) -> Automaton:
    """Build the minimal automaton of a state machine with hashable states.

    Args:
        start: the state before the first glyph.
        step: state and glyph -> next state, or None if the glyph is not allowed.
        accepts: whether a text may end in a state.

    Raises:
        ConstraintError: more than MAX_STATES states.
    """
    numbers = {start: 0}
    waiting = [start]  # grows during the loop
    transitions: list[list[int]] = []
    for state in waiting:
        row = []
        for glyph in ALPHABET:
            following = step(state, glyph)
            if following is None:
                row.append(NO_STATE)
                continue
            if following not in numbers:
                numbers[following] = len(waiting)
                waiting.append(following)
            row.append(numbers[following])
        transitions.append(row)
        if len(waiting) > MAX_STATES:
            raise ConstraintError(
                f"this constraint has more than {MAX_STATES:,} states; use a shorter roster, fewer digits, a "
                "simpler expression, or write it as satisfies(function)"
            )
    accepting = np.array([accepts(state) for state in waiting], np.bool_)
    return _minimal(np.array(transitions, np.int32), accepting)


def intersect(first: Automaton, second: Automaton) -> Automaton:
    """Build the automaton of the texts that both accept.

    Raises:
        ConstraintError: more than MAX_STATES states.
    """
    if first.is_empty or second.is_empty:
        return first if first.is_empty else second
    left, right = first.transitions.tolist(), second.transitions.tolist()
    columns = {glyph: column for column, glyph in enumerate(ALPHABET)}

    def step(pair: tuple[int, int], glyph: str) -> tuple[int, int] | None:
        column = columns[glyph]
        following = left[pair[0]][column], right[pair[1]][column]
        return None if NO_STATE in following else following

    return build((0, 0), step, lambda pair: bool(first.accepting[pair[0]] and second.accepting[pair[1]]))


def _minimal(transitions: NDArray[np.int32], accepting: NDArray[np.bool_]) -> Automaton:
    """Remove states that lead to no accepted text, and unite equal ones."""
    alive = np.append(accepting, False)  # the last entry is that of NO_STATE
    while True:
        reaching = alive.copy()
        reaching[:-1] |= alive[transitions].any(1)
        if (reaching == alive).all():
            break
        alive = reaching
    if not alive[0]:
        return Automaton(np.empty((0, transitions.shape[1]), np.int32), np.empty(0, np.bool_))
    kept = np.flatnonzero(alive)
    numbers = np.full(len(alive), NO_STATE, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    transitions, accepting = numbers[transitions[kept]], accepting[kept]
    group_count, groups = 0, accepting.astype(np.intp)
    while True:
        rows = np.column_stack([groups, np.append(groups, NO_STATE)[transitions]])
        found, members, groups = np.unique(rows, axis=0, return_index=True, return_inverse=True)[0:3]
        groups = groups.reshape(-1)
        if len(found) == group_count:
            break
        group_count = len(found)
    order = np.argsort(members)  # the group of the start comes first
    renamed = np.append(np.argsort(order), NO_STATE).astype(np.int32)
    first_members = members[order]
    next_groups = np.append(groups, NO_STATE)[transitions[first_members]]
    return Automaton(renamed[next_groups], accepting[first_members])
