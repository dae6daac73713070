"""How numbers are written: a text to its value, and constraints on the value and the way of writing.

A locale names the decimal sign and the sign between groups of three digits: "plain" 1234.5, "en" 1,234.5,
"de" 1.234,5, "fr" 1234,5 (its groups are divided by spaces, which are no glyph). Groups are always optional.
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
"""Instead of a value where whatever follows is inside the limits."""
_State: TypeAlias = tuple[str, int | tuple[bool, ...], int]


@dataclass(frozen=True)
class Locale:
    """The signs of a way of writing numbers."""

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
    """Value of a number as a locale writes it; a sign, leading zeros and a missing whole part are allowed.

    Raises:
        ConstraintError: not such a number, or an unknown locale.
    """
    signs = _locale(locale)
    group, decimal = re.escape(signs.group), re.escape(signs.decimal)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    if not re.fullmatch(rf"[+-]?(?:(?:{whole})(?:{decimal}\d+)?|{decimal}\d+)", text, re.ASCII):
        sample = f"1{signs.group}234{signs.decimal}5"
        raise ConstraintError(f"{text!r} is no number of the locale {locale!r}; it writes them as {sample}")
    digits = text.replace(signs.group, "") if group else text
    return Decimal(digits.replace(signs.decimal, "."))


def decimals(
    places: int, locale: str = "plain", *, least: int | None = None, signed: bool = False
) -> Constraint:
    """Numbers with `places` decimals, such as 1.234,50, without leading zeros.

    Args:
        places: decimals, at least 0; exactly so many without `least`.
        locale: a name of LOCALES.
        least: fewest decimals; with 0 the decimal sign may be missing too.
        signed: whether a minus may stand before.

    Raises:
        ConstraintError: there is no such number of decimals, or an unknown locale.
    """
    fewest = places if least is None else least
    if not 0 <= fewest <= places:
        raise ConstraintError(
            f"decimals({places}, least={least}): give numbers from 0 up, least at most places"
        )
    pattern = _pattern(_locale(locale), fewest, places, signed=signed, leading_zeros=False)
    return Constraint(f"decimals({places}, {locale!r})", regex(pattern).automaton)


def number_range(
    low: Number, high: Number, *, places: int = 0, locale: str = "plain", leading_zeros: bool = False
) -> Constraint:
    """Numbers from `low` to `high`, both included, of at most `places` decimals.

    Args:
        low: least value; a minus is read only where it is below 0.
        high: greatest value.
        places: most decimals; with 0 only whole numbers.
        locale: a name of LOCALES.
        leading_zeros: whether 07 is 7; else it is not allowed.

    Raises:
        ConstraintError: these are no numbers, the range holds none of them, or an unknown locale.
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
            f"{name}: no number of {places} decimals lies between; give the lower limit first"
        )
    signs = _locale(locale)
    grammar = regex(_pattern(signs, 0, places, signed=least < 0, leading_zeros=leading_zeros))
    return Constraint(name, intersect(grammar.automaton, _values(least, most, places, signs)))


def _locale(name: str) -> Locale:
    if name not in LOCALES:
        raise ConstraintError(f"unknown locale {name!r}; known are {', '.join(LOCALES)}")
    return LOCALES[name]


def _pattern(signs: Locale, fewest: int, places: int, *, signed: bool, leading_zeros: bool) -> str:
    """Regular expression of numbers of `fewest` to `places` decimals."""
    whole = r"\d+" if leading_zeros else r"0|[1-9]\d*"
    if signs.group:
        whole += rf"|[1-9]\d{{0,2}}(?:{re.escape(signs.group)}\d{{3}})+"
    fraction = rf"{re.escape(signs.decimal)}\d{{{max(fewest, 1)},{places}}}" if places else ""
    return f"{'-?' if signed else ''}(?:{whole})(?:{fraction}){'?' if fewest == 0 else ''}"


def _values(least: int, most: int, places: int, signs: Locale) -> Automaton:
    """Numbers of a value from `least` to `most`, in units of 10**-places, however they are written.

    A state is (sign, value of the digits so far, decimals so far or -1). Where the limits no longer cut
    through what may follow, the value is replaced by what still matters: before the decimal sign by whether
    the number will be inside with 0, 1, ... more digits, after it by _INSIDE. So any range has few states.
    """
    limits = {"+": (max(least, 0), most), "-": (max(-most, 1), -least)}

    def inside(sign: str, value: int, free_digits: int) -> bool | None:
        """Whether all numbers that begin with `value` and have so many more digits are; None for some."""
        lowest, highest = limits[sign]
        first, last = value * 10**free_digits, (value + 1) * 10**free_digits - 1
        if last < lowest or first > highest:
            return False
        return True if lowest <= first and last <= highest else None

    def settle_whole(sign: str, value: int) -> _State | None:
        if value == 0:
            return sign, 0, -1
        outcomes: list[bool | None] = []
        while value * 10 ** (places + len(outcomes)) <= limits[sign][1]:
            outcomes.append(inside(sign, value, places + len(outcomes)))
        if None in outcomes:
            return sign, value, -1
        return (sign, tuple(map(bool, outcomes)), -1) if any(outcomes) else None

    def settle_fraction(sign: str, value: int, decimal_count: int) -> _State | None:
        is_inside = inside(sign, value, places - decimal_count)
        return None if is_inside is False else (sign, _INSIDE if is_inside else value, decimal_count)

    def after_digit(state: _State, digit: int) -> _State | None:
        sign, value, decimal_count = state
        if isinstance(value, tuple):
            return (sign, value[1:], -1) if any(value[1:]) else None
        if decimal_count < 0:
            return settle_whole(sign, value * 10 + digit)
        if decimal_count == places:
            return None
        following = decimal_count + 1
        if value == _INSIDE:
            return sign, _INSIDE, following
        return settle_fraction(sign, value * 10 + digit, following)

    def after_decimal_sign(state: _State) -> _State | None:
        sign, value, decimal_count = state
        if decimal_count >= 0:
            return None
        if isinstance(value, tuple):
            return (sign, _INSIDE, 0) if value[0] else None
        return settle_fraction(sign, value, 0)

    def step(state: _State, glyph: str) -> _State | None:
        sign, value, decimal_count = state
        if glyph == "-":
            return ("-", 0, -1) if sign == "" else None
        state = (sign or "+", value, decimal_count)
        if glyph in DIGIT_GLYPHS:
            return after_digit(state, int(glyph))
        if glyph == signs.decimal:
            return after_decimal_sign(state)
        return state if glyph == signs.group else None

    def accepts(state: _State) -> bool:
        sign, value, decimal_count = state
        if isinstance(value, tuple):
            return value[0]
        missing = places - max(decimal_count, 0)
        return value == _INSIDE or (sign != "" and limits[sign][0] <= value * 10**missing <= limits[sign][1])

    start: _State = ("", 0, -1)
    return build(start, step, accepts)
