"""What is known of a number, as plain values -> a constraint: for templates of forms and the command line.

{"digits": 4}            or [least, most], with "signs" that may stand among them
{"regex": "19\\d\\d"}
{"range": [0, 100]}      with "decimals" and "locale"
{"decimals": 2}          at most so many, in a "locale" of written_numbers.LOCALES
{"check": "luhn"}        or isbn, or iban:DE for the digits of an IBAN
{"one_of": ["17", "42"]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from number_prediction.constraints.checksums import iban_digits, isbn, luhn
from number_prediction.constraints.constraint import Constraint, length, one_of, regex
from number_prediction.constraints.values import decimals, number_range
from number_prediction.errors import ConstraintError

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


def describe_known(known: Mapping[str, Any]) -> str:
    """What is known of a number, in words."""
    return "; ".join(_WORDS[key](value) for key, value in known.items())


def _limits(value: int | list[Any]) -> str:
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)


def _some(texts: list[str]) -> str:
    return f"one of {len(texts)}: {', '.join(texts[:5])}{', …' if len(texts) > 5 else ''}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "digits": lambda value: f"{_limits(value)} digits",
    "signs": lambda value: f"signs {value}",
    "regex": lambda value: f"matches {value}",
    "range": lambda value: f"from {_limits(value)}",
    "decimals": lambda value: f"at most {value} decimals",
    "locale": lambda value: f"written as in {value}",
    "check": lambda value: f"check digits: {value}",
    "one_of": _some,
    "once": lambda _: "each once",
}
