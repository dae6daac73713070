"""A class list as text -> its numbers, with the names beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from number_prediction.constants import GLYPHS
from number_prediction.errors import DataError

_GLYPHS = "".join(map(re.escape, GLYPHS[1:]))
_NUMBER = re.compile(rf"[{_GLYPHS}]*\d[{_GLYPHS}]*")
_SIGNS = "".join(glyph for glyph in GLYPHS if not glyph.isdigit())
_SEPARATORS = " \t;,"


@dataclass(frozen=True)
class ClassList:
    """Numbers with names."""

    numbers: tuple[str, ...]
    """The numbers, in the order of the list."""
    names: dict[str, str]
    """Number -> the rest of its line, for numbers that have one."""

    def describe(self, number: str) -> str:
        """The number with its name, if it has one."""
        return f"{number} {self.names[number]}" if number in self.names else number


def parse_class_list(content: str, source: str) -> ClassList:
    """Parse lines that begin with a number, followed by a name.

    A space, tab, comma or semicolon separates them. A line may hold several numbers separated by spaces
    instead. Quotes are ignored, and so is a first line without a number, the header.

    Args:
        content: the text.
        source: the name of its file, for messages.

    Raises:
        DataError: a line does not begin with a number, or the text holds none.
    """
    numbers: list[str] = []
    names: dict[str, str] = {}
    lines = [line.replace('"', "").strip().rstrip(_SEPARATORS) for line in content.splitlines()]
    lines = [line for line in lines if line]
    for place, line in enumerate(lines):
        alone = re.split(" +", line)
        if all(map(_NUMBER.fullmatch, alone)):
            numbers += alone
            continue
        found = _NUMBER.match(line)
        if found is None:
            if place == 0:
                continue
            raise DataError(
                f"{source}: {line!r} does not begin with a number; put the number first on each line"
            )
        number = found[0].rstrip(_SIGNS)
        numbers.append(number)
        names[number] = line[found.end() :].strip(_SEPARATORS)
    if not numbers:
        raise DataError(f"{source}: holds no number; write one on each line")
    return ClassList(tuple(numbers), names)
