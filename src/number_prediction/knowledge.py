"""What is known of a number, as plain values -> a constraint: for templates of forms and the command line.

{"digits": 4}            or [least, most], with "signs" that may stand among them
{"regex": "19\\\\d\\\\d"}
{"range": [0, 100]}      with "decimals" and "locale"
{"decimals": 2}          at most so many, in a "locale" of written_numbers.LOCALES
{"check": "luhn"}        or isbn, or iban:DE for the digits of an IBAN
{"one_of": ["17", "42"]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from number_prediction.checksums import iban_digits, isbn, luhn
from number_prediction.constraints import Constraint, length, one_of, regex
from number_prediction.types import ConstraintError
from number_prediction.written_numbers import decimals, number_range

KEYS = ("digits", "signs", "regex", "range", "decimals", "locale", "check", "one_of")
CHECKS: dict[str, Callable[[], Constraint]] = {"luhn": luhn, "isbn": isbn}
_IBAN = "iban:"


def constraint_of(known: Mapping[str, Any]) -> Constraint | None:
    """The constraint that all of KEYS together are; None where nothing is known.

    Raises:
        ConstraintError: a value that means nothing, or contradicting ones.
        TypeError, ValueError: a value of another kind than stands above.
    """
    parts: list[Constraint] = []
    locale, places = str(known.get("locale", "plain")), int(known.get("decimals", 0))
    if "digits" in known:
        digits = known["digits"]
        limits = [digits] if isinstance(digits, int) else [int(limit) for limit in digits]
        parts.append(length(*limits, signs=str(known.get("signs", ""))))
    if "regex" in known:
        parts.append(regex(str(known["regex"])))
    if "range" in known:
        low, high = known["range"]
        parts.append(number_range(low, high, places=places, locale=locale, leading_zeros=True))
    elif "decimals" in known:
        parts.append(decimals(places, locale, least=0))
    if "check" in known:
        parts.append(_check(str(known["check"])))
    if "one_of" in known:
        parts.append(one_of([str(text) for text in known["one_of"]]))
    return reduce(Constraint.__and__, parts) if parts else None


def _check(name: str) -> Constraint:
    if name.startswith(_IBAN):
        return iban_digits(name.removeprefix(_IBAN))
    if name not in CHECKS:
        raise ConstraintError(f"unknown check {name!r}; known are {', '.join(CHECKS)} and {_IBAN}DE")
    return CHECKS[name]()
