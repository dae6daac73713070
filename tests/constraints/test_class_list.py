"""Class lists: whatever stands beside a number, the number is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from number_prediction.constraints.class_list import parse_class_list
from number_prediction.errors import DataError

NUMBERS = st.from_regex(r"[0-9]{1,8}", fullmatch=True)
NAMES = st.from_regex(r"[^\W\d_]([\w .'-]*[^\W\d_])?", fullmatch=True).filter(
    lambda name: len(name.splitlines()) == 1
)


@given(st.dictionaries(NUMBERS, NAMES, min_size=1), st.sampled_from(["\t", ";", ",", ", ", " ", "  "]))
def test_a_name_may_stand_after_the_number(people: dict[str, str], separator: str) -> None:
    lines = [f"{number}{separator}{name}" for number, name in people.items()]
    found = parse_class_list("\n".join(lines), "class.csv")
    assert found.numbers == tuple(people)
    assert found.names == people


@pytest.mark.parametrize(
    "content", ["3.50\n-7\n42", "3.50 -7\r\n\r\n42\r\n", "value\n3.50\n-7\n42\n", '"3.50"\n"-7"\n"42"']
)
def test_numbers_may_stand_alone(content: str) -> None:
    found = parse_class_list(content, "class.txt")
    assert found.numbers == ("3.50", "-7", "42")
    assert found.describe("42") == "42"


@pytest.mark.parametrize("end", [",", ";", ";;", "\t"])
def test_an_empty_cell_is_no_name(end: str) -> None:
    found = parse_class_list(f"17{end}\n42;Ada\n", "class.csv")
    assert found.numbers == ("17", "42")
    assert found.describe("17") == "17"


def test_cells_of_a_spreadsheet() -> None:
    found = parse_class_list('Number,Name\n"0042","Lovelace, Ada"\n"17","Noether, Emmy"\n', "class.csv")
    assert found.numbers == ("0042", "17")
    assert found.describe("0042") == "0042 Lovelace, Ada"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "class.txt: holds no number"),
        ("Name\n", "holds no number"),
        ("1 Ada\nEmmy 2\n", "'Emmy 2' does not begin"),
    ],
)
def test_a_list_without_numbers_is_refused(content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse_class_list(content, "class.txt")
