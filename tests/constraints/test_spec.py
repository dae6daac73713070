"""The table of constraints: every kind is described, built, documented, and an option of `read`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from number_prediction.constraints.spec import CONSTRAINTS, SPEC_KEYS, build_constraint, describe_constraints
from number_prediction.errors import ConstraintError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("spec", "allowed", "refused", "words"),
    [
        ({"digits": 3}, "007", "07", "3 digits"),
        ({"digits": [2, 3], "signs": "-"}, "0-7", "7", "2 to 3 digits; signs -"),
        ({"regex": r"19\d\d"}, "1987", "2087", r"matches 19\d\d"),
        ({"range": [0, 60]}, "07", "61", "from 0 to 60"),
        (
            {"range": [1, 6], "decimals": 1, "locale": "de"},
            "1,3",
            "1.3",
            "from 1 to 6; at most 1 decimals; written as in de",
        ),
        ({"decimals": 2}, "3.5", "3.555", "at most 2 decimals"),
        ({"check": "luhn"}, "18", "19", "check digits: luhn"),
        ({"one_of": ["17", "42"], "once": True}, "42", "43", "one of 2: 17, 42; each at most once"),
    ],
)
def test_a_spec_becomes_a_constraint_and_words(
    spec: dict[str, Any], allowed: str, refused: str, words: str
) -> None:
    constraint = build_constraint(spec)
    assert constraint is not None
    assert (constraint.allows(allowed), constraint.allows(refused)) == (True, False)
    assert describe_constraints(spec) == words


def test_constraints_of_a_spec_hold_together() -> None:
    constraint = build_constraint({"digits": 2, "check": "luhn", "one_of": ["18", "42", "26"]})
    assert constraint is not None
    assert [text for text in ("18", "42", "26", "34") if constraint.allows(text)] == ["18", "42", "26"]
    assert build_constraint({}) is None
    assert build_constraint({"locale": "de"}) is None
    with pytest.raises(ConstraintError, match="no text is allowed"):
        build_constraint({"digits": 2, "regex": r"\d"})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("digits", "4", [4]),
        ("digits", "2:4", [2, 4]),
        ("signs", "./", "./"),
        ("range", "-1:9.5", ["-1", "9.5"]),
        ("decimals", "2", 2),
        ("check", "iban:DE", "iban:DE"),
    ],
)
def test_an_option_is_parsed(key: str, text: str, value: object) -> None:
    option = CONSTRAINTS[key].option
    assert option is not None
    assert option.parse(text) == value


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("digits", "two", "'two' is not a whole number"),
        ("digits", "1:2:3", "give one number such as 4, or MIN:MAX"),
        ("range", "100", "give LOW:HIGH, such as 0:100"),
        ("decimals", "-1", "give one from 0 up"),
    ],
)
def test_a_wrong_option_says_what_to_write(key: str, text: str, words: str) -> None:
    option = CONSTRAINTS[key].option
    assert option is not None
    with pytest.raises(ValueError, match=words):
        option.parse(text)


def test_each_key_is_in_the_docs() -> None:
    docs = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert [key for key in SPEC_KEYS if f"`{key}`" not in docs and f'"{key}"' not in docs] == []
