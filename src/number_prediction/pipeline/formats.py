"""The formats of results, and which one the name of a file means."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from number_prediction.errors import DataError


class Format(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"

    @property
    def can_be_resumed(self) -> bool:
        """Whether rows can be appended to a file of an earlier run."""
        return self in (Format.jsonl, Format.csv)


FORMAT_OF_SUFFIX = {
    ".txt": Format.table,
    ".json": Format.json,
    ".jsonl": Format.jsonl,
    ".csv": Format.csv,
    ".parquet": Format.parquet,
}


def format_of(path: Path) -> Format | None:
    """The format that the suffix of a file means; None for other suffixes."""
    return FORMAT_OF_SUFFIX.get(path.suffix.lower())


def choose_format(output: Path, wanted: Format | None = None) -> Format:
    """The format of a file of results: the wanted one, else the one of its suffix.

    Raises:
        DataError: the suffix means another format than the wanted one, or none.
    """
    named = format_of(output)
    if wanted is None and named is None:
        raise DataError(
            f"{output}: unknown suffix; use one of {', '.join(FORMAT_OF_SUFFIX)}, or name a format"
        )
    if wanted is not None and named not in (None, wanted):
        raise DataError(
            f"{output}: the suffix means {named}, but the format is {wanted}; rename the file, or leave the "
            "format out"
        )
    return wanted or Format(str(named))
