"""Constraints for `decode`; join them with `&`.

A constraint is a finite automaton over the glyphs. `decode` sums exactly over all texts that it accepts. A
condition that no automaton can express is a Python function, which `decode` calls text by text.
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
"""Texts that a function is called with before `decode` gives up."""
_ESCAPES_AND_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NOT_REGULAR = re.compile(r"\(\?(?:=|!|<=|<!|>)|[*+?}]\+")
"""Lookaround, atomic groups and possessive repeats; interegular misreads them."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """Which texts are allowed."""

    name: str
    """How it was written, for messages."""
    automaton: Automaton
    """Accepts the allowed texts, apart from the functions."""
    functions: tuple[Callable[[str], bool], ...] = ()
    """Each must also return true for the text."""
    tries: int = 0
    """Texts that the functions are called with before `decode` gives up; 0 without functions."""

    def __post_init__(self) -> None:
        if self.automaton.is_empty:
            raise ConstraintError(
                f"{self.name}: no text is allowed; relax the constraint, or leave out a part of it"
            )

    def __and__(self, other: Constraint) -> Constraint:
        return Constraint(
            f"{self.name} & {other.name}",
            intersect(self.automaton, other.automaton),
            self.functions + other.functions,
            max(self.tries, other.tries),
        )

    def allows(self, text: str) -> bool:
        """Whether `text` is allowed."""
        return self.automaton.accepts(text) and all(function(text) for function in self.functions)


def length(minimum: int, maximum: int | None = None, *, signs: str = "") -> Constraint:
    """Texts of `minimum` to `maximum` digits; of exactly `minimum` without a maximum.

    Args:
        minimum: smallest number of digits, at least 0.
        maximum: largest number of digits.
        signs: signs allowed among the digits, such as "./"; they are not counted.

    Raises:
        ConstraintError: no number of digits is allowed, or `signs` holds other characters.
    """
    most = minimum if maximum is None else maximum
    name = f"length({minimum})" if maximum is None else f"length({minimum}, {maximum})"
    if not 0 <= minimum <= most:
        raise ConstraintError(f"{name}: give numbers from 0 up, the smaller one first")
    if not set(signs) <= set(ALPHABET) - DIGIT_GLYPHS:
        raise ConstraintError(
            f"{name}: signs={signs!r}; choose from {' '.join(sorted(set(ALPHABET) - DIGIT_GLYPHS))}"
        )

    def step(count: int, glyph: str) -> int | None:
        if glyph in DIGIT_GLYPHS:
            return count + 1 if count < most else None
        return count if glyph in signs else None

    return Constraint(name, build(0, step, lambda count: count >= minimum))


def regex(pattern: str) -> Constraint:
    """Texts that match a regular expression as a whole, in the syntax of `re`.

    Anchors at both ends are allowed and change nothing. Backreferences, lookaround, atomic groups and
    possessive repeats are refused: no automaton can express them.

    Raises:
        ConstraintError: the expression is invalid or refused, or no text of glyphs matches it.
    """
    name = f"regex({pattern!r})"
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConstraintError(
            f"{name}: not a regular expression ({error}); see Python's re module"
        ) from error
    body = pattern.removeprefix("^")
    if re.search(r"(?<!\\)(?:\\\\)*\$$", body):
        body = body[:-1]
    try:
        if _NOT_REGULAR.search(_ESCAPES_AND_SETS.sub("_", body)):
            raise Unsupported("lookaround, an atomic group or a possessive repeat")
        machine: Any = interegular.parse_pattern(body).to_fsm()
    except (Unsupported, InvalidSyntax) as error:
        raise ConstraintError(
            f"{name}: no automaton can express this ({error}); write it without, "
            "or use satisfies(re.compile(pattern).fullmatch)"
        ) from error

    symbols = {glyph: machine.alphabet[glyph] for glyph in ALPHABET}

    def step(state: Hashable, glyph: str) -> Hashable | None:
        following: Hashable | None = machine.map.get(state, {}).get(symbols[glyph])
        return following

    return Constraint(name, build(machine.initial, step, machine.finals.__contains__))


def one_of(texts: Iterable[str]) -> Constraint:
    """One of several texts, such as the numbers of a roster.

    Raises:
        ConstraintError: there are no texts, or one holds a character that is not a glyph.
    """
    roster = [texts] if isinstance(texts, str) else list(texts)
    for text in roster:
        if not set(text) <= set(ALPHABET):
            raise ConstraintError(f"one_of: {text!r} can never be read; use the characters {ALPHABET}")
    if not roster:
        raise ConstraintError("one_of: no texts; give one or more")
    prefixes = {text[:end] for text in roster for end in range(len(text) + 1)}
    whole = frozenset(roster)

    def step(prefix: str, glyph: str) -> str | None:
        longer = prefix + glyph
        return longer if longer in prefixes else None

    shown = ", ".join(roster[:3]) + (", ..." if len(roster) > 3 else "")
    return Constraint(f"one_of({shown})", build("", step, whole.__contains__))


def satisfies(function: Callable[[str], bool], *, tries: int = MAX_TRIES) -> Constraint:
    """Texts for which a Python function returns true.

    `decode` calls the function with texts, the most probable first, until one passes. Any text of glyphs can
    occur, such as "" and "1-/". Joined with others, as in `satisfies(is_even) & length(4)`, it is called only
    with texts that they allow. Its exceptions are not caught.

    Args:
        function: takes a text.
        tries: texts that it is called with before `decode` gives up.

    Raises:
        ConstraintError: `tries` is less than 1.
    """
    if tries < 1:
        raise ConstraintError(f"satisfies: tries={tries}; give 1 or more")
    name = f"satisfies({getattr(function, '__name__', repr(function))})"
    return Constraint(name, build(0, lambda state, _: state, lambda _: True), (function,), tries)
