"""Numbers as text: the value of a text, and constraints on the value and its decimals.

A locale names the decimal sign and the sign between groups of three digits: "plain" 1234.5, "en" 1,234.5,
"de" 1.234,5, "fr" 1234,5 (French groups are separated by spaces, which cannot be read). Groups are optional.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from number_prediction.constraints.automaton import Automaton, build, intersect
from number_prediction.constraints.constraint import DIGIT_GLYPHS, Constraint, regex
from number_prediction.errors import ConstraintError

Number: TypeAlias = int | float | str | Decimal
_INSIDE = -1
"""Stands in place of a value if the number is inside the limits, whatever follows."""
_State: TypeAlias = tuple[str, int | tuple[bool, ...], int]


@dataclass(frozen=True)
class Locale:
    """The signs of one way of writing numbers."""

    decimal: str
    group: str
    """Between groups of three digits; "" for none."""


LOCALES = {
    "plain": Locale(".", ""),
    "en": Locale(".", ","),
    "de": Locale(",", "."),
    "fr": Locale(",", ""),
}


def parse_number(text: str, locale: str = "plain") -> Decimal:
    """Parse a number of a locale; a sign, leading zeros and a missing whole part are allowed.

    Raises:
        ConstraintError: the text is not a number of the locale, or the locale is unknown.
    """
    signs = _locale(locale)
    group, decimal = re.escape(signs.group), re.escape(signs.decimal)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    if not re.fullmatch(rf"[+-]?(?:(?:{whole})(?:{decimal}\d+)?|{decimal}\d+)", text, re.ASCII):
        sample = f"1{signs.group}234{signs.decimal}5"
        raise ConstraintError(f"{text!r} is not a number of the locale {locale!r}; write it as in {sample}")
    digits = text.replace(signs.group, "") if group else text
    return Decimal(digits.replace(signs.decimal, "."))


def decimals(
    places: int, locale: str = "plain", *, least: int | None = None, signed: bool = False
) -> Constraint:
    """Numbers with `places` decimals, such as 1.234,50, without leading zeros.

    Args:
        places: number of decimals, at least 0.
        locale: a name of LOCALES.
        least: smallest number of decimals, by default `places`; with 0 the decimal sign is optional too.
        signed: whether a minus is allowed.

    Raises:
        ConstraintError: the numbers of decimals contradict each other, or the locale is unknown.
    """
    fewest = places if least is None else least
    if not 0 <= fewest <= places:
        raise ConstraintError(
            f"decimals({places}, least={least}): give numbers from 0 up, least no larger than places"
        )
    pattern = _pattern(_locale(locale), fewest, places, signed=signed, leading_zeros=False)
    return Constraint(f"decimals({places}, {locale!r})", regex(pattern).automaton)


def number_range(
    low: Number, high: Number, *, places: int = 0, locale: str = "plain", leading_zeros: bool = False
) -> Constraint:
    """Numbers from `low` to `high`, both included, with at most `places` decimals.

    Args:
        low: smallest value; a minus is allowed only if this is below 0.
        high: largest value.
        places: largest number of decimals; with 0 only whole numbers are allowed.
        locale: a name of LOCALES.
        leading_zeros: whether 07 is allowed and means 7.

    Raises:
        ConstraintError: the limits are not numbers, no number lies between them, or the locale is unknown.
    """
    name = f"number_range({low}, {high})"
    if places < 0:
        raise ConstraintError(f"{name}: places={places}; give the number of decimals, from 0 up")
    try:
        units = [Decimal(str(limit)).scaleb(places) for limit in (low, high)]
        least, most = math.ceil(units[0]), math.floor(units[1])
    except (InvalidOperation, ValueError, OverflowError) as error:  # not a number, NaN, infinity
        raise ConstraintError(f"{name}: the limits must be finite numbers, such as 0 and 99.5") from error
    if least > most:
        raise ConstraintError(
            f"{name}: no number with {places} decimals lies between; give the lower limit first"
        )
    signs = _locale(locale)
    grammar = regex(_pattern(signs, 0, places, signed=least < 0, leading_zeros=leading_zeros))
    return Constraint(name, intersect(grammar.automaton, _values(least, most, places, signs)))


def _locale(name: str) -> Locale:
    if name not in LOCALES:
        raise ConstraintError(f"unknown locale {name!r}; choose one of {', '.join(LOCALES)}")
    return LOCALES[name]


def _pattern(signs: Locale, fewest: int, places: int, *, signed: bool, leading_zeros: bool) -> str:
    """Regular expression of numbers with `fewest` to `places` decimals."""
    whole = r"\d+" if leading_zeros else r"0|[1-9]\d*"
    if signs.group:
        whole += rf"|[1-9]\d{{0,2}}(?:{re.escape(signs.group)}\d{{3}})+"
    fraction = rf"{re.escape(signs.decimal)}\d{{{max(fewest, 1)},{places}}}" if places else ""
    return f"{'-?' if signed else ''}(?:{whole})(?:{fraction}){'?' if fewest == 0 else ''}"


def _values(least: int, most: int, places: int, signs: Locale) -> Automaton:
    """Numbers with a value from `least` to `most`, in units of 10**-places, in any way of writing."""
    machine = _RangeMachine(least, most, places, signs)
    start: _State = ("", 0, -1)
    return build(start, machine.step, machine.accepts)


@dataclass(frozen=True)
class _RangeMachine:
    """The state machine of a range.

    A state is (sign, value of the digits so far, decimals so far or -1). Once the following digits no longer
    decide, the value is replaced: before the decimal sign by whether the number is inside the limits with 0,
    1, ... more digits, after it by _INSIDE. So the automaton of any range has few states.
    """

    least: int
    most: int
    places: int
    signs: Locale

    def step(self, state: _State, glyph: str) -> _State | None:
        sign, value, decimal_count = state
        if glyph == "-":
            return ("-", 0, -1) if sign == "" else None
        state = (sign or "+", value, decimal_count)
        if glyph in DIGIT_GLYPHS:
            return self._after_digit(state, int(glyph))
        if glyph == self.signs.decimal:
            return self._after_decimal_sign(state)
        return state if glyph == self.signs.group else None

    def accepts(self, state: _State) -> bool:
        sign, value, decimal_count = state
        if isinstance(value, tuple):
            return value[0]
        if value == _INSIDE or sign == "":
            return value == _INSIDE
        lowest, highest = self._limits(sign)
        return bool(lowest <= value * 10 ** (self.places - max(decimal_count, 0)) <= highest)

    def _limits(self, sign: str) -> tuple[int, int]:
        """The smallest and largest absolute value with a sign."""
        return (max(-self.most, 1), -self.least) if sign == "-" else (max(self.least, 0), self.most)

    def _is_inside(self, sign: str, value: int, free_digits: int) -> bool | None:
        """Whether all numbers that continue `value` by so many digits are inside; None if only some are."""
        lowest, highest = self._limits(sign)
        first, last = value * 10**free_digits, (value + 1) * 10**free_digits - 1
        if last < lowest or first > highest:
            return False
        return True if lowest <= first and last <= highest else None

    def _after_digit(self, state: _State, digit: int) -> _State | None:
        sign, value, decimal_count = state
        if isinstance(value, tuple):
            return (sign, value[1:], -1) if any(value[1:]) else None
        if decimal_count < 0:
            return self._settle_whole(sign, value * 10 + digit)
        if decimal_count == self.places:
            return None
        if value == _INSIDE:
            return sign, _INSIDE, decimal_count + 1
        return self._settle_fraction(sign, value * 10 + digit, decimal_count + 1)

    def _after_decimal_sign(self, state: _State) -> _State | None:
        sign, value, decimal_count = state
        if decimal_count >= 0:
            return None
        if isinstance(value, tuple):
            return (sign, _INSIDE, 0) if value[0] else None
        return self._settle_fraction(sign, value, 0)

    def _settle_whole(self, sign: str, value: int) -> _State | None:
        if value == 0:
            return sign, 0, -1
        outcomes: list[bool | None] = []
        while value * 10 ** (self.places + len(outcomes)) <= self._limits(sign)[1]:
            outcomes.append(self._is_inside(sign, value, self.places + len(outcomes)))
        if None in outcomes:
            return sign, value, -1
        return (sign, tuple(map(bool, outcomes)), -1) if any(outcomes) else None

    def _settle_fraction(self, sign: str, value: int, decimal_count: int) -> _State | None:
        is_inside = self._is_inside(sign, value, self.places - decimal_count)
        return None if is_inside is False else (sign, _INSIDE if is_inside else value, decimal_count)
