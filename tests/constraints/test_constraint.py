"""What constraints allow, by independent formulas, and how each repairs readings of composed numbers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.constants import GLYPHS
from number_prediction.constraints.checksums import iban_digits, isbn, luhn
from number_prediction.constraints.constraint import Constraint, length, one_of, regex, satisfies
from number_prediction.constraints.values import decimals, number_range, parse_number
from number_prediction.decoding.search import decode
from number_prediction.errors import ConstraintError
from tests.helpers.composed import Handwriting, compose, peaks

DIGITS = "0123456789"
ISBN, ISBN_10, ISBN_13, GERMAN_IBAN, LUHN = isbn(), isbn(10), isbn(13), iban_digits("DE"), luhn()
SHORT_TEXTS = ["".join(glyphs) for size in range(5) for glyphs in itertools.product("019.-", repeat=size)]


def read(lattice: np.ndarray, constraint: Constraint | None = None) -> str | None:
    return decode(lattice, GLYPHS, constraint)[0].text


# what is allowed


def test_length_counts_digits_and_lets_signs_stand_among_them() -> None:
    assert [length(2, 3).allows(text) for text in ("1", "12", "123", "1234", "1.2")] == [0, 1, 1, 0, 0]
    date = length(8, signs="./-")
    assert [date.allows(text) for text in ("31.12.1999", "31121999", "31.12.199", "31:12:1999")] == [
        1,
        1,
        0,
        0,
    ]


patterns = st.recursive(
    st.sampled_from(["0", "1", "9", r"\.", "-", r"\d", "[01]", "[^0]", ".", r"\D", "[0-9.]"]),
    lambda parts: st.one_of(
        st.tuples(parts, parts).map("".join),
        st.tuples(parts, parts).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(parts, st.sampled_from("*+?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(parts, st.sampled_from(["{2}", "{1,2}", "{,1}", "{2,}", "??"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(patterns, st.booleans())
def test_regular_expressions_allow_what_python_matches(pattern: str, anchored: bool) -> None:
    matches = re.compile(pattern).fullmatch
    expected = [text for text in SHORT_TEXTS if matches(text)]
    if not any(matches(text) for text in SHORT_TEXTS):
        return  # such as five repeats, which no short text has
    constraint = regex(f"^{pattern}$" if anchored else pattern)
    assert [text for text in SHORT_TEXTS if constraint.allows(text)] == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[", "not a regular expression"),
        (r"(\d)\1", "satisfies"),
        (r"(?!0)\d+", "satisfies"),
        (r"\d+(?<=1)", "satisfies"),
        (r"\d++1", "satisfies"),
        (r"1^2", "satisfies"),
        (r"\b1", "satisfies"),
        (r"a\d", "no text is allowed"),
    ],
)
def test_regular_expressions_that_cannot_be_used_are_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ConstraintError, match=reason):
        regex(pattern)


def test_signs_of_the_syntax_may_stand_as_themselves() -> None:
    assert regex(r"[(?=]?1\$?").allows("1")
    assert regex(r"\d[+*]+").allows("1++")


@settings(deadline=None)
@given(st.text(DIGITS, max_size=20))
def test_luhn_agrees_with_its_definition(text: str) -> None:
    doubled = [int(glyph) * (1 + place % 2) for place, glyph in enumerate(reversed(text))]
    total = sum(int(digit) for value in doubled for digit in str(value))
    assert LUHN.allows(text) == (len(text) >= 2 and total % 10 == 0)


@pytest.mark.parametrize(("text", "is_valid"), [("4111111111111111", True), ("4111111111111112", False)])
def test_luhn_knows_card_numbers(text: str, is_valid: bool) -> None:
    assert (luhn() & length(16)).allows(text) == is_valid


@settings(deadline=None)
@given(st.text(DIGITS, min_size=9, max_size=9), st.sampled_from(["978", "979"]), st.sampled_from(DIGITS))
def test_book_numbers_agree_with_their_definition(body: str, prefix: str, last: str) -> None:
    check_11 = sum((place + 1) * int(digit) for place, digit in enumerate(body)) % 11
    assert ISBN.allows(body + last) == ISBN_10.allows(body + last) == (check_11 == int(last))
    thirteen = prefix + body
    check_10 = (10 - sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(thirteen))) % 10
    assert ISBN.allows(thirteen + last) == ISBN_13.allows(thirteen + last) == (check_10 == int(last))
    assert not ISBN_10.allows(thirteen + last)
    assert not ISBN_13.allows(body + last)
    assert not ISBN.allows("123" + body + last)


def test_published_book_numbers() -> None:
    assert isbn().allows("0306406152")
    assert isbn().allows("9780306406157")
    assert not isbn().allows("9780306406175")


@settings(deadline=None)
@given(st.text(DIGITS, min_size=18, max_size=18), st.integers(0, 99))
def test_account_numbers_agree_with_their_definition(account: str, check: int) -> None:
    expected = 98 - int(account + "131400") % 97  # D is 13, E is 14
    assert GERMAN_IBAN.allows(f"{expected:02}{account}")
    assert GERMAN_IBAN.allows(f"{check:02}{account}") == (check == expected)
    assert not GERMAN_IBAN.allows(f"{expected:02}{account}0")


@pytest.mark.parametrize(
    "iban",
    [
        "DE89370400440532013000",
        "AT611904300234573201",
        "BE68539007547034",
        "ES9121000418450200051332",
        "NO9386011117947",
        "PL61109010140000071219812874",
        "SI56263300012039086",
        "SK3112000000198742637541",
    ],
)
def test_published_account_numbers(iban: str) -> None:
    constraint = iban_digits(iban[:2])
    assert constraint.allows(iban[2:])
    assert not constraint.allows(iban[2:-2] + iban[:-3:-1] + "0")


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("1234.5", "plain", "1234.5"),
        ("1,234.5", "en", "1234.5"),
        ("1.234,5", "de", "1234.5"),
        ("1.234.567", "de", "1234567"),
        ("1234,50", "fr", "1234.50"),
        ("-7", "plain", "-7"),
        ("+.5", "en", "0.5"),
        ("007", "plain", "7"),
    ],
)
def test_numbers_are_parsed_by_locale(text: str, locale: str, value: str) -> None:
    assert str(parse_number(text, locale)) == value


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("", "plain"),
        ("1,234.5", "plain"),
        ("1.234,5", "en"),
        ("1,23", "en"),
        ("1234,567", "en"),
        ("1-2", "de"),
    ],
)
def test_what_is_no_number_of_the_locale_is_refused(text: str, locale: str) -> None:
    with pytest.raises(ConstraintError, match=re.escape(repr(text))):
        parse_number(text, locale)


def test_decimals_follow_the_locale() -> None:
    german, english = decimals(2, "de"), decimals(2, "en")
    texts = ("1.234,50", "1234,50", "1,234.50", "1,50", "1.50", "01,50", "1,5", "12.34,50", "-1,50", "1")
    assert [text for text in texts if german.allows(text)] == ["1.234,50", "1234,50", "1,50"]
    assert [text for text in texts if english.allows(text)] == ["1,234.50", "1.50"]
    loose = decimals(2, "de", least=0, signed=True)
    assert [text for text in texts if loose.allows(text)] == [
        "1.234,50", "1234,50", "1,50", "1,5", "-1,50", "1",
    ]  # fmt: skip


@settings(deadline=None)
@given(
    st.decimals(-200, 1200, places=2),
    st.decimals(0, 1200, places=2),
    st.integers(0, 2),
    st.sampled_from(["plain", "en", "de", "fr"]),
    st.one_of(st.text("019.,-", max_size=6), st.decimals(-300, 2500, places=1).map(str)),
    st.integers(-30_000, 250_000),
)
def test_ranges_agree_with_decimals(
    low: Decimal, width: Decimal, places: int, locale: str, text: str, near: int
) -> None:
    high = low + width
    try:
        constraint = number_range(low, high, places=places, locale=locale)
    except ConstraintError:
        units = 10**places
        assert low * units > (high * units).to_integral_value("ROUND_FLOOR")
        return
    point = "," if locale in ("de", "fr") else "."
    comma = {"en": ",", "de": "."}.get(locale, "")
    groups = rf"|[1-9]\d{{0,2}}(\{comma}\d{{3}})+" if comma else ""
    fraction = rf"(\{point}\d{{1,{places}}})?" if places else ""
    signs = str.maketrans({",": comma, ".": point})
    written = [
        f"{value:{group}.{places}f}" for value in (Decimal(near) / 100, low, high) for group in ("", ",")
    ]
    for candidate in (text, *(number.translate(signs) for number in written)):
        if not re.fullmatch(rf"-?(0|[1-9]\d*{groups}){fraction}", candidate):
            assert not constraint.allows(candidate), candidate
            continue
        value = parse_number(candidate, locale)
        is_minus_zero = value == 0 and candidate.startswith("-")
        assert constraint.allows(candidate) == (low <= value <= high and not is_minus_zero), candidate


def test_ranges_of_any_size_are_small_automata() -> None:
    wide = number_range(-(10**12), 10**15, places=4, locale="en")
    assert len(wide.automaton.accepting) < 500
    assert wide.allows("999,999,999,999.9999")
    assert not wide.allows("1000000000000000.0001")


def test_leading_zeros_are_allowed_on_request() -> None:
    day, padded = number_range(1, 31), number_range(1, 31, leading_zeros=True)
    assert [day.allows(text) for text in ("7", "07", "31", "32", "0")] == [1, 0, 1, 0, 0]
    assert [padded.allows(text) for text in ("7", "07", "31", "32", "00")] == [1, 1, 1, 0, 0]


@settings(deadline=None)
@given(st.sets(st.text("019.", max_size=4), min_size=1, max_size=8))
def test_a_roster_allows_its_texts_alone(roster: set[str]) -> None:
    constraint = one_of(roster)
    assert {text for text in SHORT_TEXTS if constraint.allows(text)} == roster


@settings(deadline=None)
@given(patterns, patterns)
def test_joined_constraints_allow_what_both_allow(first: str, second: str) -> None:
    expected = [t for t in SHORT_TEXTS if re.fullmatch(first, t) and re.fullmatch(second, t)]
    if not expected:
        return
    joined = regex(first) & regex(second)
    assert [text for text in SHORT_TEXTS if joined.allows(text)] == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: length(3, 2), r"length\(3, 2\)"),
        (lambda: length(-1), r"length\(-1\)"),
        (lambda: length(4, signs="x"), "signs='x'"),
        (lambda: length(4) & length(5), r"length\(4\) & length\(5\): no text is allowed"),
        (lambda: one_of([]), "no texts; give one or more"),
        (lambda: one_of(["12", "1a"]), "'1a'"),
        (lambda: number_range(5, 3), r"number_range\(5, 3\)"),
        (lambda: number_range("0.1", "0.9"), "0 decimals"),
        (lambda: number_range(0, "much"), "finite"),
        (lambda: number_range(0, float("nan")), "finite"),
        (lambda: number_range(0, 1, places=-1), "places=-1"),
        (lambda: number_range(0, 1, locale="latin"), "'latin'.*plain, en, de, fr"),
        (lambda: decimals(2, least=3), "least=3"),
        (lambda: isbn(11), "11"),
        (lambda: iban_digits("GB"), "'GB'.*DE"),
        (lambda: satisfies(str.isdigit, tries=0), "tries=0"),
    ],
)
def test_errors_name_the_value_and_the_cure(make: Callable[[], Constraint], message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        make()


# what they repair


def write(handwriting: Handwriting, text: str, case: int, place: int) -> tuple[str, str, np.ndarray]:
    """A number with one digit that is misread: the text, how it is read without constraint, the lattice."""
    written, misread, answer = handwriting.misread[case]
    answers = [handwriting.clear[int(digit)] for digit in text]
    answers[place] = answer
    truth = text[:place] + str(written) + text[place + 1 :]
    return truth, text[:place] + str(misread) + text[place + 1 :], compose(answers)


def complete(text: str, places: slice, constraint: Constraint) -> str:
    """`text` with the digits at `places` changed until it fits."""
    size = len(text[places])
    for number in range(10**size):
        changed = text[: places.start] + f"{number:0{size}}" + text[places.stop :]
        if constraint.allows(changed):
            return changed
    raise AssertionError("no such number")


@pytest.mark.parametrize("case", [0, 1, 2])
@pytest.mark.parametrize(
    ("digits", "place", "checked", "constraint"),
    [
        ("4539578763621480", 5, slice(15, 16), LUHN),
        ("4539578763621480", 12, slice(15, 16), LUHN & length(16)),
        ("9783161484100", 8, slice(12, 13), ISBN),
        ("3161484100", 4, slice(8, 10), ISBN_10),
        ("89370400440532013000", 9, slice(0, 2), GERMAN_IBAN),
        ("370400440532", 7, slice(10, 12), satisfies(lambda text: int(text) % 97 == 1) & length(12)),
    ],
)
def test_checksums_repair_a_misread_digit(
    handwriting: Handwriting, case: int, digits: str, place: int, checked: slice, constraint: Constraint
) -> None:
    written = str(handwriting.misread[case][0])
    valid = complete(digits[:place] + written + digits[place + 1 :], checked, constraint)
    truth, misread, lattice = write(handwriting, valid, case, place)
    assert truth == valid
    assert read(lattice) == misread
    reading = decode(lattice, GLYPHS, constraint)[0]
    assert reading.text == truth
    assert reading.confidence > 0.5


@pytest.mark.parametrize("case", [0, 1, 2, 3])
def test_range_expression_and_roster_repair_a_misread_digit(handwriting: Handwriting, case: int) -> None:
    truth, misread, lattice = write(handwriting, "5081", case, 1)
    assert read(lattice) == misread
    value = int(truth)
    assert read(lattice, number_range(value - 40, value + 40)) == truth
    assert read(lattice, regex(rf"5{truth[1]}\d+")) == truth
    assert read(lattice, one_of([truth, "5911", "8081", "081"])) == truth


def test_the_number_of_digits_repairs_what_was_lost_or_split(handwriting: Handwriting) -> None:
    answers = [handwriting.clear[digit] for digit in (1, 9, 8, 7)]
    faint = compose(answers, [0.98, 0.98, 0.3, 0.98])
    assert read(faint) == "197"
    assert read(faint, length(4)) == "1987"
    split = compose([handwriting.clear[1], *answers], [0.6, *[0.98] * 4])
    assert read(split) == "11987"
    assert read(split, length(1, 4)) == "1987"


def test_the_locale_decides_between_point_and_comma() -> None:
    lattice = peaks("1.234,50", {1: (",", 0.6), 5: (".", 0.6)})
    assert read(lattice) == "1,234.50"
    assert read(lattice, decimals(2, "de")) == "1.234,50"
    assert read(lattice, decimals(2, "en")) == "1,234.50"
    assert parse_number(str(read(lattice, decimals(2, "de"))), "de") == Decimal("1234.50")
