"""Lattice and automaton -> exact sums over all texts that the automaton accepts. NumPy only.

This is the forward-backward algorithm (Baum et al., 1970) over the product of both. The position of a path is
the state of the automaton, and whether the last time step was a blank or the glyph that led to the state. The
automaton is deterministic, so each path of an accepted text counts once.

Shapes: S states, K glyphs that lead anywhere, N pairs of a state and a glyph that leads to it, T time steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.constraints.automaton import ALPHABET, NO_STATE, Automaton
from number_prediction.decoding.lattice import BLANK, Lattice, Logs
from number_prediction.errors import ConstraintError

MAX_CELLS = 40_000_000
"""Pairs times time steps of the largest sum: 320 MB."""
MIN_FLOAT = float(np.finfo(np.float64).min)
"""Replaces -inf as the largest of some terms, so that differences from it are finite."""


@dataclass(frozen=True, eq=False)
class Continuations:
    """Probabilities of an accepted end from each state and time step on, as logarithms."""

    columns: NDArray[np.intp]
    """(K,) indices of the glyphs in the lattice."""
    targets: NDArray[np.int32]
    """(S, K) the state after each glyph, or NO_STATE."""
    accepting: NDArray[np.bool_]
    """(S,)"""
    pairs: NDArray[np.intp]
    """(S, K) the pair that each glyph leads to; N if it leads nowhere."""
    pair_states: NDArray[np.intp]
    """(N,) the state of each pair."""
    pair_columns: NDArray[np.intp]
    """(N,) the glyph of each pair, as an index into `columns`."""
    after_glyph: Logs
    """(T + 1, N + 1) probability of an accepted end if step t was the glyph of a pair; -inf at N."""
    after_blank: Logs
    """(T + 1, S) the same if step t was a blank, or at the beginning."""

    @property
    def log_allowed(self) -> float:
        """Logarithm of the probability of all accepted texts."""
        return float(self.after_blank[0, 0])


@dataclass(frozen=True, eq=False)
class Posterior:
    """Shares of the paths of accepted texts."""

    glyphs: NDArray[np.float64]
    """(G, T) probability of each glyph at each time step."""
    before: Logs
    """(T + 1, S) logarithm of the probability that the first t steps lead to each state."""


def continue_lattice(lattice: Lattice, automaton: Automaton | None) -> Continuations:
    """The backward pass; without an automaton every text is accepted, and no sum is needed.

    Raises:
        ConstraintError: automaton and lattice together are too large.
    """
    steps = lattice.step_count
    if automaton is None:
        columns = np.arange(1, len(lattice.glyphs))
        return Continuations(
            columns=columns,
            targets=np.zeros((1, len(columns)), np.int32),
            accepting=np.ones(1, np.bool_),
            pairs=np.arange(len(columns))[None],
            pair_states=np.zeros(len(columns), np.intp),
            pair_columns=np.arange(len(columns)),
            after_glyph=np.zeros((steps + 1, len(columns) + 1)),
            after_blank=np.zeros((steps + 1, 1)),
        )
    found = _pair(lattice, automaton)
    states, columns = found.pair_states, found.pair_columns
    for step in range(steps - 1, -1, -1):
        logs, after_glyph = lattice.logs[found.columns, step], found.after_glyph[step + 1]
        to_blank = lattice.logs[BLANK, step] + found.after_blank[step + 1]
        found.after_blank[step], leaving = _sums(logs + after_glyph[found.pairs], to_blank)
        staying = logs[columns] + after_glyph[:-1]
        found.after_glyph[step, :-1] = np.logaddexp(leaving[states, columns], staying)
    return found


def _pair(lattice: Lattice, automaton: Automaton) -> Continuations:
    """The pairs, with the ends after the last step; all earlier entries are -inf."""
    usable = [(glyph, index) for index, glyph in enumerate(lattice.glyphs) if glyph and glyph in ALPHABET]
    names = np.array([ALPHABET.index(glyph) for glyph, _ in usable], np.intp)
    targets = automaton.transitions[:, names]
    used = np.flatnonzero((targets != NO_STATE).any(0))
    columns = np.array([index for _, index in usable], np.intp)[used]
    targets = targets[:, used]
    leads = targets != NO_STATE
    codes = np.where(leads, targets.astype(np.intp) * len(used) + np.arange(len(used)), -1)
    pair_codes = np.unique(codes[leads])
    if len(pair_codes) * (lattice.step_count + 1) > MAX_CELLS:
        raise ConstraintError(
            f"a constraint with {len(automaton.accepting):,} states is too large for {lattice.step_count} "
            "time steps; use a shorter roster, fewer digits or a simpler expression"
        )
    pairs = np.where(leads, np.searchsorted(pair_codes, codes), len(pair_codes))
    pair_states, pair_columns = np.divmod(pair_codes, max(len(used), 1))
    accepting = automaton.accepting
    after_glyph = np.full((lattice.step_count + 1, len(pair_codes) + 1), -np.inf)
    after_blank = np.full((lattice.step_count + 1, len(accepting)), -np.inf)
    after_glyph[-1, :-1] = np.where(accepting[pair_states], 0.0, -np.inf)
    after_blank[-1] = np.where(accepting, 0.0, -np.inf)
    return Continuations(
        columns=columns,
        targets=targets,
        accepting=accepting,
        pairs=pairs,
        pair_states=pair_states,
        pair_columns=pair_columns,
        after_glyph=after_glyph,
        after_blank=after_blank,
    )


def posterior(lattice: Lattice, found: Continuations, automaton: Automaton | None) -> Posterior:
    """The forward pass, joined with the backward pass; at least one accepted text must be possible."""
    steps = lattice.step_count
    if automaton is None:
        return Posterior(np.exp(lattice.logs), np.zeros((steps + 1, 1)))
    states, columns = found.pair_states, found.pair_columns
    arcs = np.flatnonzero(found.targets.ravel() != NO_STATE)
    arcs = arcs[np.argsort(found.pairs.ravel()[arcs], kind="stable")]
    begins = np.searchsorted(found.pairs.ravel()[arcs], np.arange(len(states)))
    before = np.full((steps + 1, len(found.accepting)), -np.inf)
    before[0, 0] = 0.0
    glyphs = np.zeros((len(lattice.glyphs), steps))
    in_glyph, by_state = np.full(len(states), -np.inf), np.full(found.targets.shape, -np.inf)
    reaching = np.repeat(before[0][:, None], found.targets.shape[1], axis=1)
    for step in range(steps):
        in_blank = lattice.logs[BLANK, step] + before[step]
        entering = _grouped_sums(reaching.ravel()[arcs], begins)
        in_glyph = lattice.logs[found.columns, step][columns] + np.logaddexp(in_glyph, entering)
        by_state[states, columns] = in_glyph
        before[step + 1], reaching = _sums(by_state, in_blank)
        shares = np.exp(in_glyph + found.after_glyph[step + 1, :-1] - found.log_allowed)
        glyphs[found.columns, step] = np.bincount(columns, shares, minlength=len(found.columns))
        glyphs[BLANK, step] = np.exp(in_blank + found.after_blank[step + 1] - found.log_allowed).sum()
    return Posterior(glyphs, before)


def _sums(logs: Logs, more: Logs) -> tuple[Logs, Logs]:
    """Sums of each row (S, K) plus `more` (S,): all of it (S,), and without each term of the row (S, K).

    Nothing is subtracted, so small sums beside large terms stay exact.
    """
    terms = np.column_stack([logs, more])
    count = logs.shape[1]
    chosen = np.ones((count + 1, count + 1))
    np.fill_diagonal(chosen[:count], 0.0)
    peaks = np.maximum(terms.max(1, keepdims=True), MIN_FLOAT)
    with np.errstate(divide="ignore"):
        sums = peaks + np.log(np.exp(terms - peaks) @ chosen)
    return sums[:, count], sums[:, :count]


def _grouped_sums(logs: Logs, begins: NDArray[np.intp]) -> Logs:
    """Sums over adjacent groups, each from its begin; no group is empty."""
    if not len(begins):
        return np.empty(0)
    peaks = np.maximum(np.maximum.reduceat(logs, begins), MIN_FLOAT)
    sizes = np.diff(np.append(begins, len(logs)))
    with np.errstate(divide="ignore"):
        return np.asarray(peaks + np.log(np.add.reduceat(np.exp(logs - np.repeat(peaks, sizes)), begins)))
