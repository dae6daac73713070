"""What is known of a number -> a constraint that `decode` heeds. Constraints are joined by `&`.

A constraint is a finite automaton over the glyphs, which decoding sums over exactly, and, where no automaton
can say it, Python functions, which are asked text by text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import interegular
from interegular.patterns import InvalidSyntax, Unsupported

from number_prediction.constraints.automaton import ALPHABET, Automaton, build, intersect
from number_prediction.errors import ConstraintError

DIGIT_GLYPHS = frozenset("0123456789")
MAX_TRIES = 1000
"""Texts that a function is asked about before `decode` gives up."""
_ESCAPES_AND_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NOT_REGULAR = re.compile(r"\(\?(?:=|!|<=|<!|>)|[*+?}]\+")
"""Lookaround, atomic groups and possessive repeats, which interegular reads as something else."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """Which texts are allowed."""

    name: str
    """As it was written, for messages."""
    automaton: Automaton
    """Accepts what is allowed as far as an automaton can say."""
    functions: tuple[Callable[[str], bool], ...] = ()
    """Each must also be true of the text."""
    tries: int = 0
    """Texts that the functions are asked about before `decode` gives up; 0 without functions."""

    def __post_init__(self) -> None:
        if self.automaton.is_empty:
            raise ConstraintError(f"{self.name}: no text fits this; loosen it, or leave out a part of it")

    def __and__(self, other: Constraint) -> Constraint:
        return Constraint(
            f"{self.name} & {other.name}",
            intersect(self.automaton, other.automaton),
            self.functions + other.functions,
            max(self.tries, other.tries),
        )

    def allows(self, text: str) -> bool:
        """Whether `text` fits."""
        return self.automaton.accepts(text) and all(function(text) for function in self.functions)


def length(minimum: int, maximum: int | None = None, *, signs: str = "") -> Constraint:
    """From `minimum` to `maximum` digits; exactly `minimum` without a maximum.

    Args:
        minimum: fewest digits, at least 0.
        maximum: most digits.
        signs: signs that may stand among the digits and are not counted, such as "./".

    Raises:
        ConstraintError: there is no such length, or `signs` holds something else than signs.
    """
    most = minimum if maximum is None else maximum
    name = f"length({minimum})" if maximum is None else f"length({minimum}, {maximum})"
    if not 0 <= minimum <= most:
        raise ConstraintError(f"{name}: give numbers of digits from 0 up, the smaller one first")
    if not set(signs) <= set(ALPHABET) - DIGIT_GLYPHS:
        raise ConstraintError(
            f"{name}: signs={signs!r}; the signs are {' '.join(sorted(set(ALPHABET) - DIGIT_GLYPHS))}"
        )

    def step(count: int, glyph: str) -> int | None:
        if glyph in DIGIT_GLYPHS:
            return count + 1 if count < most else None
        return count if glyph in signs else None

    return Constraint(name, build(0, step, lambda count: count >= minimum))


def regex(pattern: str) -> Constraint:
    """Texts that match a regular expression as a whole, in the syntax of `re`.

    Anchors at its ends are allowed and change nothing. What no automaton can say (groups that are referred
    to, lookaround, atomic groups, possessive repeats) is refused.

    Raises:
        ConstraintError: not a regular expression, or one that is refused, or that no text of glyphs matches.
    """
    name = f"regex({pattern!r})"
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConstraintError(f"{name}: not a regular expression ({error}); see Python's re") from error
    body = pattern.removeprefix("^")
    if re.search(r"(?<!\\)(?:\\\\)*\$$", body):
        body = body[:-1]
    try:
        if _NOT_REGULAR.search(_ESCAPES_AND_SETS.sub("_", body)):
            raise Unsupported("lookaround, an atomic group or a possessive repeat")
        machine: Any = interegular.parse_pattern(body).to_fsm()
    except (Unsupported, InvalidSyntax) as error:
        raise ConstraintError(
            f"{name}: no automaton can say this ({error}); write it without, "
            "or use satisfies(re.compile(pattern).fullmatch)"
        ) from error

    symbols = {glyph: machine.alphabet[glyph] for glyph in ALPHABET}

    def step(state: Hashable, glyph: str) -> Hashable | None:
        following: Hashable | None = machine.map.get(state, {}).get(symbols[glyph])
        return following

    return Constraint(name, build(machine.initial, step, machine.finals.__contains__))


def one_of(texts: Iterable[str]) -> Constraint:
    """One of some texts, such as the numbers of a roster; as a trie whose equal ends are shared.

    Raises:
        ConstraintError: there are none, or one holds what is no glyph.
    """
    roster = [texts] if isinstance(texts, str) else list(texts)
    for text in roster:
        if not set(text) <= set(ALPHABET):
            raise ConstraintError(f"one_of: {text!r} cannot be read; texts are made of {ALPHABET}")
    if not roster:
        raise ConstraintError("one_of: no texts; give at least one")
    prefixes = {text[:end] for text in roster for end in range(len(text) + 1)}
    whole = frozenset(roster)

    def step(prefix: str, glyph: str) -> str | None:
        longer = prefix + glyph
        return longer if longer in prefixes else None

    shown = ", ".join(roster[:3]) + (", ..." if len(roster) > 3 else "")
    return Constraint(f"one_of({shown})", build("", step, whole.__contains__))


def satisfies(function: Callable[[str], bool], *, tries: int = MAX_TRIES) -> Constraint:
    """Texts of which a Python function is true.

    The function is asked about allowed texts, the most probable first, until one passes. It is asked about
    any text of glyphs, "" and "1-/" too: join it with others, `satisfies(is_even) & length(4)`, and it is
    asked only about what they allow. What it raises is not caught.

    Args:
        function: of a text.
        tries: texts that it is asked about before nothing fits.

    Raises:
        ConstraintError: `tries` is less than 1.
    """
    if tries < 1:
        raise ConstraintError(f"satisfies: tries={tries}; give at least 1")
    name = f"satisfies({getattr(function, '__name__', repr(function))})"
    return Constraint(name, build(0, lambda state, _: state, lambda _: True), (function,), tries)
