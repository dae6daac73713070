"""A class list as text -> the numbers in it, and whose they are."""

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
    """Numbers, and what stands beside them."""

    numbers: tuple[str, ...]
    """In the order of the list."""
    names: dict[str, str]
    """Number -> the rest of its line, of those that have one."""

    def describe(self, number: str) -> str:
        """The number with the name, where it has one."""
        return f"{number} {self.names[number]}" if number in self.names else number


def parse_class_list(content: str, source: str) -> ClassList:
    """The numbers of a text, of which one begins each line, and the names that follow them.

    A space, tab, comma or semicolon stands between. A line of numbers with spaces between them is as many.
    Quotes are left out, as a spreadsheet writes them, and so is a first line that begins with no number.

    Raises:
        DataError: a line begins with no number, or there is none at all; it names `source`.
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
            raise DataError(f"{source}: {line!r} begins with no number; put the number first on each line")
        number = found[0].rstrip(_SIGNS)
        numbers.append(number)
        names[number] = line[found.end() :].strip(_SEPARATORS)
    if not numbers:
        raise DataError(f"{source}: empty; give one number a line")
    return ClassList(tuple(numbers), names)
