"""Constraints for numbers with check digits, each an exact automaton over digits."""

from __future__ import annotations

from number_prediction.constraints.automaton import build
from number_prediction.constraints.constraint import DIGIT_GLYPHS, Constraint
from number_prediction.errors import ConstraintError

IBAN_DIGITS = {
    "AT": 18,
    "BE": 14,
    "CZ": 22,
    "DE": 20,
    "DK": 16,
    "EE": 18,
    "ES": 22,
    "FI": 16,
    "HR": 19,
    "HU": 26,
    "IS": 24,
    "LT": 18,
    "NO": 13,
    "PL": 26,
    "PT": 23,
    "RS": 20,
    "SE": 22,
    "SI": 17,
    "SK": 22,
}
"""Digits after the two letters of an IBAN, for countries with all-digit account numbers (ISO 13616)."""


def luhn() -> Constraint:
    """Numbers of two or more digits with the check digit of Luhn (ISO/IEC 7812-1), as on bank cards.

    From the right, every second digit is doubled, and the digits of the products are added; the total must be
    a multiple of 10. The number of following digits is unknown while reading, so the states keep two totals:
    one with the last digit doubled, one without.
    """

    def step(state: tuple[int, int, int], glyph: str) -> tuple[int, int, int] | None:
        if glyph not in DIGIT_GLYPHS:
            return None
        count, plain, doubled = state
        digit = int(glyph)
        twice = sum(divmod(2 * digit, 10))
        return min(count + 1, 2), (doubled + digit) % 10, (plain + twice) % 10

    def accepts(state: tuple[int, int, int]) -> bool:
        count, plain, _ = state
        return count == 2 and plain == 0

    return Constraint("luhn()", build((0, 0, 0), step, accepts))


def isbn(digits: int | None = None) -> Constraint:
    """Book numbers without hyphens (ISO 2108): ISBN-13 (978, 979), and ISBN-10 unless its check digit is X.

    Args:
        digits: 10 or 13; None allows both.

    Raises:
        ConstraintError: `digits` is another number.
    """
    if digits not in (None, 10, 13):
        raise ConstraintError(f"isbn({digits}): give 10 or 13, or leave it out for both")
    wanted = (10, 13) if digits is None else (digits,)

    def step(state: tuple[int, int, int], glyph: str) -> tuple[int, int, int] | None:
        count, by_11, by_10 = state
        if glyph not in DIGIT_GLYPHS or count == max(wanted):
            return None
        digit = int(glyph)
        by_11 = (by_11 + (10 - count) * digit) % 11 if count < 10 and 10 in wanted else 0
        is_book = by_10 >= 0 and (glyph in "978"[count] + ("9" if count == 2 else "") if count < 3 else True)
        by_10 = (by_10 + (3 if count % 2 else 1) * digit) % 10 if is_book and 13 in wanted else -1
        return count + 1, by_11, by_10

    def accepts(state: tuple[int, int, int]) -> bool:
        count, by_11, by_10 = state
        return (count == 10 and 10 in wanted and by_11 == 0) or (count == 13 and by_10 == 0)

    name = "isbn()" if digits is None else f"isbn({digits})"
    return Constraint(name, build((0, 0, 0), step, accepts))


def iban_digits(country: str) -> Constraint:
    """The digits of an IBAN after its two letters: two check digits, 02 to 98, and the account (ISO 13616).

    Account, letters as numbers (A is 10) and check digits form one number, which must be 1 modulo 97. The
    states keep its remainder: each digit adds itself times its power of ten.

    Args:
        country: the two letters, one of IBAN_DIGITS.

    Raises:
        ConstraintError: the country is unknown.
    """
    if country not in IBAN_DIGITS:
        raise ConstraintError(
            f"iban_digits({country!r}): unknown country, or letters in its account numbers; choose one of "
            f"{', '.join(IBAN_DIGITS)}"
        )
    digits = IBAN_DIGITS[country]
    letters = int("".join(str(int(letter, 36)) for letter in country)) * 100

    def step(state: tuple[int, int, int], glyph: str) -> tuple[int, int, int] | None:
        count, total, check = state
        if glyph not in DIGIT_GLYPHS or count == digits:
            return None
        power = 1 - count if count < 2 else digits - 1 - count + 6
        if count < 2:
            check = check * 10 + int(glyph)
        if count == 1 and not 2 <= check <= 98:
            return None
        return count + 1, (total + int(glyph) * 10**power) % 97, check if count == 0 else 0

    return Constraint(
        f"iban_digits({country!r})", build((0, letters % 97, 0), step, lambda state: state[:2] == (digits, 1))
    )
