"""Lattice: probabilities of glyphs at each time step -> sums over the alignments of texts. NumPy only.

In connectionist temporal classification (Graves et al., 2006) a path names one glyph or the blank at each
time step. Merging repeats and dropping blanks gives its text. The probability of a text is the sum over all
its paths, which are called its alignments.

Shapes: G glyphs including the blank, T time steps. Sums use logarithms in float64. The recurrence over time,
x[t] = p[t] * (x[t-1] + u[t]), is solved for all t at once: divided by the products of p up to t, it is a
cumulative sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.errors import ModelError

Logs: TypeAlias = NDArray[np.float64]

BLANK = 0
"""Index of the blank among the glyphs."""
PROBABILITY_SUM_TOLERANCE = 1e-3
ZERO_LOG_PER_STEP = -110.0
IMPOSSIBLE_LOG_PER_STEP = -105.0
"""Logarithms: the smallest float32 above 0 has -103.3. A probability of 0 counts as exp(-110 (T + 1)), so
that its logarithm is finite. A product below exp(-105 T - 50) contains such a 0 and is impossible."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """The answer of a sequence model for one line."""

    glyphs: tuple[str, ...]
    """(G,) the blank "" first."""
    logs: Logs
    """(G, T) logarithms of the probabilities, which sum to 1 at each time step."""
    cumulative: Logs
    """(G, T + 1) sums of `logs` over the earlier time steps."""
    impossible: float
    """Logarithms up to this one mean probability 0."""

    @property
    def step_count(self) -> int:
        """T."""
        return int(self.logs.shape[1])


class Prefix(NamedTuple):
    """Logarithms (..., T + 1) of the probability that the first t steps spell a text, for each t."""

    glyph: Logs
    """Ending in its last glyph."""
    blank: Logs
    """Ending in a blank."""

    @property
    def whole(self) -> Logs:
        """Ending in either."""
        return np.asarray(np.logaddexp(self.glyph, self.blank))


def read_lattice(probabilities: NDArray[np.floating], glyphs: Sequence[str]) -> Lattice:
    """Make a lattice of probabilities (T, G).

    Raises:
        ModelError: the probabilities do not belong to `glyphs`, or `glyphs` is not a blank and single
            characters.
    """
    names = tuple(glyphs)
    if names[:1] != ("",) or len(set(names)) < len(names) or any(len(name) != 1 for name in names[1:]):
        raise ModelError(f"glyphs {names}: give the blank '' first, then single characters, each once")
    values = np.asarray(probabilities)
    if values.ndim != 2 or values.shape[1] != len(names) or not len(values):
        raise ModelError(
            f"probabilities of shape {values.shape} for {len(names)} glyphs; give (time steps, {len(names)})"
        )
    values = values.astype(np.float32).astype(np.float64)
    if (
        not np.isfinite(values).all()
        or values.min() < 0
        or (abs(values.sum(1) - 1) > PROBABILITY_SUM_TOLERANCE).any()
    ):
        raise ModelError(
            "the probabilities of a time step are negative, NaN or do not sum to 1; give a softmax"
        )
    values = np.ascontiguousarray((values / values.sum(1, keepdims=True)).T)
    steps = values.shape[1]
    logs = np.full(values.shape, ZERO_LOG_PER_STEP * (steps + 1))
    np.log(values, out=logs, where=values > 0)
    cumulative = np.zeros((len(names), steps + 1))
    np.cumsum(logs, axis=1, out=cumulative[:, 1:])
    return Lattice(names, logs, cumulative, IMPOSSIBLE_LOG_PER_STEP * steps - 50)


def empty_prefix(lattice: Lattice) -> Prefix:
    """The text without glyphs."""
    return Prefix(np.full(lattice.step_count + 1, -np.inf), lattice.cumulative[BLANK])


def extend(
    lattice: Lattice,
    prefix: Prefix,
    glyph: int | NDArray[np.intp],
    is_repeat: bool | NDArray[np.bool_],
    *,
    add: np.ufunc = np.logaddexp,
) -> Prefix:
    """Extend a prefix by one glyph.

    Args:
        lattice: the lattice of the prefix.
        prefix: arrays (T + 1,), or (N, T + 1) for N texts at once.
        glyph: index of the glyph; (N,) for N texts.
        is_repeat: whether the glyph repeats the last one, so that a blank must be between; (N, 1) for N
            texts.
        add: np.logaddexp sums over alignments; np.maximum takes the most probable one.
    """
    entering = np.where(is_repeat, prefix.blank, add(prefix.glyph, prefix.blank))[..., :-1]
    own, blank = lattice.cumulative[glyph], lattice.cumulative[BLANK]
    in_glyph, in_blank = np.full_like(prefix.glyph, -np.inf), np.full_like(prefix.blank, -np.inf)
    in_glyph[..., 1:] = own[..., 1:] + add.accumulate(entering - own[..., :-1], axis=-1)
    in_blank[..., 1:] = blank[1:] + add.accumulate(in_glyph[..., :-1] - blank[:-1], axis=-1)
    return Prefix(in_glyph, in_blank)


def score(lattice: Lattice, texts: Sequence[str]) -> Logs:
    """(N,) exact logarithms of the probabilities of N texts; -inf for a text with another character."""
    indices = {glyph: index for index, glyph in enumerate(lattice.glyphs) if glyph}
    lengths = np.array([len(text) for text in texts], np.intp)
    spelled = np.full((len(texts), lengths.max(initial=0)), BLANK, np.intp)
    for row, text in zip(spelled, texts, strict=True):
        row[: len(text)] = [indices.get(glyph, -1) for glyph in text]
    empty = empty_prefix(lattice)
    scores = np.full(len(texts), empty.whole[-1])
    readable = np.flatnonzero((spelled >= 0).all(1))
    in_glyph, in_blank = (np.repeat(part[None], len(readable), axis=0) for part in empty)
    for position in range(spelled.shape[1]):
        longer = lengths[readable] > position
        readable, in_glyph, in_blank = readable[longer], in_glyph[longer], in_blank[longer]
        glyph = spelled[readable, position]
        is_repeat = spelled[readable, position - 1] == glyph if position else np.zeros(len(glyph), np.bool_)
        in_glyph, in_blank = extend(lattice, Prefix(in_glyph, in_blank), glyph, is_repeat[:, None])
        scores[readable] = np.logaddexp(in_glyph[:, -1], in_blank[:, -1])
    scores[(spelled < 0).any(1) | (scores <= lattice.impossible)] = -np.inf
    return scores


def align(lattice: Lattice, text: Sequence[int]) -> list[tuple[int, int]]:
    """The time steps [begin, end) of each glyph in the most probable alignment (Viterbi, 1967).

    Args:
        lattice: the lattice that the text was read from.
        text: indices of its glyphs; the text must be possible.
    """
    prefixes = [empty_prefix(lattice)]
    for position, glyph in enumerate(text):
        is_repeat = position > 0 and text[position - 1] == glyph
        prefixes.append(extend(lattice, prefixes[-1], glyph, is_repeat, add=np.maximum))
    spans = []
    step = lattice.step_count
    was_repeat = False  # whether the next glyph is the same, so that a blank is between
    for position in range(len(text), 0, -1):
        here, before = prefixes[position], prefixes[position - 1]
        if was_repeat:
            step -= 1
        while here.blank[step] > here.glyph[step]:
            step -= 1
        end = step
        was_repeat = position > 1 and text[position - 1] == text[position - 2]
        entering = before.blank if was_repeat else np.maximum(before.glyph, before.blank)
        step -= 1
        while here.glyph[step] > entering[step]:
            step -= 1
        spans.append((step, end))
    return spans[::-1]
