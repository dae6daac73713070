"""Lattice and constraint -> the most probable texts, exactly summed, and their glyphs. NumPy only.

**Search.** The best text is the allowed one whose alignments together are most probable. The most probable
single alignment (Viterbi) can belong to a worse text. The search is prefix search (Graves, 2012, section
7.5.1) over lattice and automaton. A prefix carries its state and its mass: the sum over all allowed texts
that begin with it. No text that continues the prefix exceeds its mass. Prefixes leave a queue by falling
mass, so whole texts leave it by falling probability, and the first one is the best. A prefix that no allowed
text can continue has no mass and never enters the queue. The number of prefixes can grow exponentially, so at
most `beam_width` of each length are expanded (best-first beam search, Meister et al., 2020). If prefixes were
left out, a better text may have been missed, and `is_exact` is false.

**Confidence** of a text is its probability as a share of the mass of all allowed texts. A Python function is
called with some texts only; the others count as allowed, so the confidence is a lower bound.

**Glyphs.** The most probable alignment of the text gives the time steps of each glyph. The place of a glyph
is these steps and the blanks around them. All probabilities are shares of the paths of allowed texts (without
Python functions). The probability of no glyph is that of a blank on the whole place. The rest is divided
among the glyphs in proportion to their probabilities at the step where this glyph is most certain.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.constraints.constraint import Constraint
from number_prediction.decoding.forward_backward import Continuations, Posterior, continue_lattice, posterior
from number_prediction.decoding.lattice import (
    BLANK,
    Lattice,
    Prefix,
    align,
    empty_prefix,
    extend,
    read_lattice,
)
from number_prediction.decoding.reading import GlyphReading, Reading
from number_prediction.errors import ConstraintError

BEAM_WIDTH = 64
"""Prefixes of each length that are expanded."""
MIN_ALTERNATIVE_PROBABILITY = 1e-4
"""Less probable alternatives of a glyph are left out."""
MAX_CALLS_FOR_CONFIDENCE = 100
"""Calls of a Python function after enough texts have passed; they refine the confidence."""
MAX_UNCHECKED_SHARE = 0.01
"""Calls end earlier when the other texts have less than this share of the mass that passed."""
ROUNDING_SHARE = 1e-15
"""Share of the mass that rounding may lose in sums."""

_Waiting: TypeAlias = tuple[float, int, tuple[int, ...], int, Prefix | None]
"""An entry of the queue: minus the logarithm of the mass, order of arrival, text, state, and the prefix that
its last glyph extends; None for a whole text."""


def decode(
    probabilities: NDArray[np.floating],
    glyphs: Sequence[str],
    constraint: Constraint | None = None,
    *,
    beam_width: int = BEAM_WIDTH,
    n_best: int = 1,
) -> list[Reading]:
    """Read a lattice.

    Args:
        probabilities: (T, G), each row sums to 1.
        glyphs: (G,) their names, the blank "" first.
        constraint: which texts are allowed; without it, all.
        beam_width: prefixes of each length that are expanded; more are slower and more often exact.
        n_best: number of texts.

    Returns:
        Up to `n_best` texts, the most probable first. If no text fits the constraint, one reading with the
        text None.

    Raises:
        ModelError: the probabilities do not belong to `glyphs`.
        ConstraintError: `beam_width` or `n_best` is less than 1, or the constraint is too large.
    """
    if beam_width < 1 or n_best < 1:
        raise ConstraintError(f"beam_width={beam_width}, n_best={n_best}; give numbers from 1 up")
    lattice = read_lattice(probabilities, glyphs)
    automaton = None if constraint is None or constraint.automaton.is_everything else constraint.automaton
    found = continue_lattice(lattice, automaton)
    if found.log_allowed <= lattice.impossible:
        return [Reading(None, -math.inf, 0.0, -math.inf, (), True)]
    candidates = _candidates(lattice, found, beam_width)
    texts, log_allowed, is_complete = _check_functions(
        lattice, candidates, constraint, found.log_allowed, n_best
    )
    if not texts:
        return [Reading(None, -math.inf, 0.0, -math.inf if is_complete else log_allowed, (), is_complete)]
    shares = posterior(lattice, found, automaton)
    return [
        Reading(
            _spell(lattice, text.glyphs),
            text.log_probability,
            min(1.0, math.exp(text.log_probability - log_allowed)),
            log_allowed,
            tuple(_describe(lattice, found, shares, text.glyphs)),
            text.is_exact,
        )
        for text in texts
    ]


@dataclass(frozen=True)
class _Text:
    """A whole text that the search found."""

    glyphs: tuple[int, ...]
    log_probability: float
    is_exact: bool
    """Whether no prefix had been left out before."""


def _candidates(lattice: Lattice, found: Continuations, beam_width: int) -> Iterator[_Text]:
    """All texts that the automaton allows, by falling probability; nearly so once the beam was full.

    When all prefixes within the beam are expanded and more texts are needed, the beam is doubled.
    """
    order = count()  # breaks ties, so that the queue never compares arrays
    queue: list[_Waiting] = [(-found.log_allowed, next(order), (), 0, empty_prefix(lattice))]
    left_out: list[_Waiting] = []
    is_exact = True
    done: dict[int, int] = {}  # expanded prefixes of each length
    while queue or left_out:
        if not queue:
            queue, left_out = left_out, []
            heapq.heapify(queue)
            beam_width *= 2
        waiting = heapq.heappop(queue)
        negative_mass, _, text, state, prefix = waiting
        if prefix is None:
            yield _Text(text, -negative_mass, is_exact)
            continue
        if done.get(len(text), 0) >= beam_width:
            left_out.append(waiting)
            is_exact = False
            continue
        done[len(text)] = done.get(len(text), 0) + 1
        if text:
            prefix = extend(lattice, prefix, text[-1], text[-2:-1] == text[-1:])
        whole = prefix.whole
        if found.accepting[state] and whole[-1] > lattice.impossible:
            heapq.heappush(queue, (-float(whole[-1]), next(order), text, state, None))
        entering = np.repeat(whole[None, :-1], len(found.columns), axis=0)
        if text:
            entering[found.columns == text[-1]] = prefix.blank[:-1]
        arrivals = entering + lattice.logs[found.columns] + found.after_glyph[1:, found.pairs[state]].T
        peaks = np.maximum(arrivals.max(1, initial=-np.inf), np.finfo(np.float64).min)
        possible = np.flatnonzero(peaks > lattice.impossible)
        masses = peaks[possible] + np.log(np.exp(arrivals[possible] - peaks[possible, None]).sum(1))
        for column, mass in zip(possible.tolist(), masses.tolist(), strict=True):
            longer = (*text, int(found.columns[column]))
            heapq.heappush(queue, (-mass, next(order), longer, int(found.targets[state, column]), prefix))


def _check_functions(
    lattice: Lattice,
    candidates: Iterator[_Text],
    constraint: Constraint | None,
    log_allowed: float,
    n_best: int,
) -> tuple[list[_Text], float, bool]:
    """The texts that the functions of a constraint pass too.

    Returns:
        The texts, most probable first; the logarithm of the mass of all texts that passed or were not
        checked; whether all texts were checked.
    """
    functions = () if constraint is None else constraint.functions
    tries = constraint.tries if constraint else 1
    texts: list[_Text] = []
    passed = refused = 0.0  # shares of log_allowed
    is_complete = True
    for calls, text in enumerate(candidates, start=1):
        share = math.exp(text.log_probability - log_allowed)
        spelled = _spell(lattice, text.glyphs)
        if all(function(spelled) for function in functions):
            texts.append(text)
            passed += share
        else:
            refused += share
        is_settled = 1 - refused - passed <= MAX_UNCHECKED_SHARE * passed or calls >= MAX_CALLS_FOR_CONFIDENCE
        is_enough = len(texts) >= n_best and (not functions or is_settled)
        if is_enough or (functions and calls >= tries):
            is_complete = False
            break
    if functions:
        log_allowed += math.log(max(passed if is_complete else 1 - refused, passed, ROUNDING_SHARE))
    texts.sort(key=lambda text: -text.log_probability)
    return texts[:n_best], log_allowed, is_complete


def _spell(lattice: Lattice, text: Sequence[int]) -> str:
    return "".join(lattice.glyphs[glyph] for glyph in text)


def _describe(
    lattice: Lattice, found: Continuations, shares: Posterior, text: Sequence[int]
) -> Iterator[GlyphReading]:
    """The glyphs of a text, with confidence and alternatives."""
    spans = align(lattice, text)
    ends = [0, *(end for _, end in spans)]
    begins = [*(begin for begin, _ in spans), lattice.step_count]
    blanks = lattice.cumulative[BLANK]
    for position, (glyph, (begin, end)) in enumerate(zip(text, spans, strict=True)):
        first, last = ends[position], begins[position + 1]
        through_blanks = shares.before[first] + found.after_blank[last] - found.log_allowed
        nothing = min(1.0, float(np.exp(through_blanks + blanks[last] - blanks[first]).sum()))
        surest = begin + int(shares.glyphs[glyph, begin:end].argmax())
        here = shares.glyphs[:, surest].copy()
        here[BLANK] = 0.0
        here *= (1 - nothing) / here.sum()
        confidence, here[glyph] = float(here[glyph]), 0.0
        here[BLANK] = nothing
        alternatives = tuple(
            (lattice.glyphs[other], float(here[other]))
            for other in np.argsort(-here, kind="stable")
            if here[other] >= MIN_ALTERNATIVE_PROBABILITY
        )
        yield GlyphReading(lattice.glyphs[glyph], begin, end, confidence, alternatives)
