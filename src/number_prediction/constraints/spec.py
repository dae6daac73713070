"""The kinds of constraints, one row each: JSON values -> a constraint, and its words and option.

A spec is a mapping from keys of CONSTRAINTS to JSON values, such as {"digits": [2, 4], "signs": "-"}. All of
its constraints hold together. Form templates, reviews and the options of `read` take their keys, words and
help from this table.

To add a kind of constraint: write its function in this package, add a row here, and give `read` the option
(cli/reading_options.py). This module imports no NumPy, so that --help stays fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, TypeAlias

from number_prediction.errors import ConstraintError

if TYPE_CHECKING:
    from number_prediction.constraints.constraint import Constraint

Spec: TypeAlias = Mapping[str, Any]
"""Keys of CONSTRAINTS -> JSON values."""
MAX_LISTED_TEXTS = 5
"""Allowed texts that a description lists."""
_IBAN = "iban:"


@dataclass(frozen=True)
class ConstraintOption:
    """The option of `read` that gives a constraint."""

    name: str
    metavar: str
    help: str
    parse: Callable[[str], Any] = str
    """The option's text -> the value in a spec; raises ValueError with what to write instead."""
    parse_file: Callable[[str, str], Any] | None = None
    """For an option that names a file: its text and its name -> the value; raises DataError."""
    default: str | None = None
    """What holds without the option, for the help."""

    @property
    def parameter(self) -> str:
        """The name of the command's parameter: "one_of" for --one-of."""
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True)
class ConstraintKind:
    """A row of the table."""

    describe: Callable[[Any], str]
    """Value -> words for a person."""
    build: Callable[[Any, Spec], Constraint | None] | None = None
    """Value and whole spec -> constraint; None where another key of the spec already includes this one."""
    refines: tuple[str, ...] = ()
    """Keys that this one only refines; it needs one of them. It has no constraint of its own."""
    option: ConstraintOption | None = None
    """None for a key that only a roster sets."""


def build_constraint(spec: Spec) -> Constraint | None:
    """Build the constraint that all keys of a spec give together; None if there is none.

    Raises:
        ConstraintError: a value without meaning, or constraints that contradict each other.
        TypeError, ValueError: a value of the wrong type.
    """
    built = [
        kind.build(spec[key], spec)
        for key, kind in CONSTRAINTS.items()
        if key in spec and kind.build is not None
    ]
    parts = [part for part in built if part is not None]
    return reduce(and_, parts) if parts else None


def describe_constraints(spec: Spec) -> str:
    """The constraints of a spec in words."""
    return "; ".join(CONSTRAINTS[key].describe(value) for key, value in spec.items())


def _build_digits(value: Any, spec: Spec) -> Constraint:
    from number_prediction.constraints.constraint import length

    limits = [value] if isinstance(value, int) else [int(limit) for limit in value]
    return length(*limits, signs=str(spec.get("signs", "")))


def _build_regex(value: Any, _: Spec) -> Constraint:
    from number_prediction.constraints.constraint import regex

    return regex(str(value))


def _build_range(value: Any, spec: Spec) -> Constraint:
    from number_prediction.constraints.values import number_range

    low, high = value
    places, locale = int(spec.get("decimals", 0)), str(spec.get("locale", "plain"))
    return number_range(low, high, places=places, locale=locale, leading_zeros=True)


def _build_decimals(value: Any, spec: Spec) -> Constraint | None:
    from number_prediction.constraints.values import decimals

    return None if "range" in spec else decimals(int(value), str(spec.get("locale", "plain")), least=0)


def _build_check(value: Any, _: Spec) -> Constraint:
    from number_prediction.constraints.checksums import iban_digits, isbn, luhn

    name, checks = str(value), {"luhn": luhn, "isbn": isbn}
    if name.startswith(_IBAN):
        return iban_digits(name.removeprefix(_IBAN))
    if name not in checks:
        raise ConstraintError(f"unknown check {name!r}; choose one of {', '.join(checks)}, {_IBAN}DE")
    return checks[name]()


def _build_one_of(value: Any, _: Spec) -> Constraint:
    from number_prediction.constraints.constraint import one_of

    return one_of([str(text) for text in value])


def _describe_limits(value: int | list[Any]) -> str:
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)


def _describe_texts(texts: list[str]) -> str:
    more = ", …" if len(texts) > MAX_LISTED_TEXTS else ""
    return f"one of {len(texts)}: {', '.join(texts[:MAX_LISTED_TEXTS])}{more}"


def _parse_digits(text: str) -> list[int]:
    limits = [_parse_count(limit) for limit in text.split(":")]
    if len(limits) > 2:
        raise ValueError(f"{text}: give one number such as 4, or MIN:MAX such as 2:4")
    return limits


def _parse_range(text: str) -> list[str]:
    low, colon, high = text.partition(":")
    if not colon:
        raise ValueError(f"{text}: give LOW:HIGH, such as 0:100")
    return [low, high]


def _parse_count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a whole number; give one from 0 up, such as 4")
    return int(text)


def _parse_list(content: str, source: str) -> list[str]:
    from number_prediction.constraints.class_list import parse_class_list

    return list(parse_class_list(content, source).numbers)


CONSTRAINTS: Mapping[str, ConstraintKind] = {
    "digits": ConstraintKind(
        lambda value: f"{_describe_limits(value)} digits",
        _build_digits,
        option=ConstraintOption("--digits", "N|MIN:MAX", "Constraint: number of digits.", _parse_digits),
    ),
    "signs": ConstraintKind(
        lambda value: f"signs {value}",
        refines=("digits",),
        option=ConstraintOption(
            "--signs", "SIGNS", 'Signs allowed among the --digits, such as "./"; they are not counted.'
        ),
    ),
    "regex": ConstraintKind(
        lambda value: f"matches {value}",
        _build_regex,
        option=ConstraintOption("--regex", "PATTERN", "Constraint: regular expression for the whole number."),
    ),
    "range": ConstraintKind(
        lambda value: f"from {_describe_limits(value)}",
        _build_range,
        option=ConstraintOption(
            "--between", "LOW:HIGH", "Constraint: smallest and largest value.", _parse_range
        ),
    ),
    "decimals": ConstraintKind(
        lambda value: f"at most {value} decimals",
        _build_decimals,
        option=ConstraintOption("--decimals", "N", "Constraint: at most N decimals.", _parse_count),
    ),
    "locale": ConstraintKind(
        lambda value: f"written as in {value}",
        refines=("range", "decimals"),
        option=ConstraintOption(
            "--locale",
            "NAME",
            "Way of writing for --between and --decimals: plain 1234.5, en 1,234.5, de 1.234,5 or fr 1234,5.",
            default="plain",
        ),
    ),
    "check": ConstraintKind(
        lambda value: f"check digits: {value}",
        _build_check,
        option=ConstraintOption("--check", "luhn|isbn|iban:CC", "Constraint: valid check digits."),
    ),
    "one_of": ConstraintKind(
        _describe_texts,
        _build_one_of,
        option=ConstraintOption(
            "--one-of", "FILE", "Constraint: one of the numbers in this file.", parse_file=_parse_list
        ),
    ),
    "once": ConstraintKind(lambda _: "each at most once"),
}
"""Key in a spec -> kind of constraint."""
SPEC_KEYS = tuple(key for key, kind in CONSTRAINTS.items() if kind.option is not None)
"""Keys that a person may write, in a template or with options."""
