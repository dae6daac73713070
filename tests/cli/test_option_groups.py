"""Options that need or exclude others: each broken rule names the option and the way out."""

from __future__ import annotations

import pytest

from number_prediction.cli.reading_options import CONSTRAINT_PARAMETERS, ConstraintArguments
from tests.conftest import CommandLine


@pytest.mark.parametrize(
    ("arguments", "option", "words"),
    [
        (["predict", "x.png", "--workers", "2"], "--workers", "needs --cluster; add that"),
        (["predict", "x.png", "--resume"], "--resume", "needs --output; add that"),
        (["predict", "x.png", "--cluster", "--explain", "out"], "--cluster", "leave out --explain"),
        (["read", "x.png", "--gap", "1"], "--gap", "needs --page; add that"),
        (["read", "x.png", "--below", "0.5"], "--below", "needs --review; add that"),
        (["read", "x.png", "--signs", "-"], "--signs", "needs --digits; add that"),
        (["read", "x.png", "--locale", "de"], "--locale", "needs --between or --decimals; add that"),
        (["read", "x.png", "--form", "f.json", "--page"], "--form", "leave out --page"),
        (["read", "x.png", "--form", "f.json", "--one-of", "x"], "--form", "leave out --one-of"),
        (["read", "x.png", "--roster", "x", "--one-of", "x"], "--roster", "leave out --one-of"),
        (["read", "x.png", "--cluster", "--roster", "x"], "--cluster", "leave out --roster"),
        (["read", "x.png", "--digits", "four"], "--digits", "'four' is not a whole number; give one"),
        (["read", "x.png", "--between", "100"], "--between", "100: give LOW:HIGH, such as 0:100"),
        (["read", "x.png", "--format", "parquet"], "--format", "add --output FILE.parquet"),
        (["read", "x.png", "--output", "rows"], "--output", "unknown suffix; use one of .txt"),
        (["read", "x.png", "--output", "r.json", "--resume"], "--output", "choose a .csv or .jsonl file"),
        (["read", "x.png", "--review", "out"], "--review", "add --output FILE.csv, .json or .jsonl"),
    ],
)
def test_wrong_options_say_what_to_do(
    command_line: CommandLine, arguments: list[str], option: str, words: str
) -> None:
    done = command_line(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    said = " ".join(done.stderr.decode().replace("│", " ").split())
    assert f"Invalid value for {option}: " in said
    assert words in said


def test_every_constraint_of_the_table_is_an_option_of_read() -> None:
    assert set(CONSTRAINT_PARAMETERS) == set(ConstraintArguments.__dataclass_fields__)


def test_constraints_are_parsed_by_the_table() -> None:
    typed = ConstraintArguments(digits="2:4", signs="-", between="0:60", decimals="1", locale="de")
    assert typed.to_spec() == {
        "digits": [2, 4],
        "signs": "-",
        "range": ["0", "60"],
        "decimals": 1,
        "locale": "de",
    }
