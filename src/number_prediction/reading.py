"""The pages of sources -> a reader -> one row of results a page.

A reader is whatever takes pages and gives plain values for each; `read_digits` is one. Pages that cannot be
decoded never reach it: their rows hold the error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from number_prediction.images import Page
from number_prediction.predictor import Predictor
from number_prediction.sources import iterate_pages, open_source
from number_prediction.types import PDF_DPI, ImageError

Reader: TypeAlias = Callable[[Iterable[Page]], Iterable["dict[str, Any] | ImageError"]]
"""Pages (H, W) uint8, taken one by one -> for each, in order, values ready for JSON, or an error."""


@dataclass(frozen=True)
class Row:
    """The result for one page."""

    path: str
    """The source, as it was named."""
    page: int
    """From 1; 1 for a source of a single picture."""
    values: dict[str, Any] = field(default_factory=dict)
    """What the reader says, ready for JSON; empty where there is an error."""
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        answer = self.values if self.error is None else {"error": self.error}
        return {"path": self.path, "page": self.page, **answer}


def read_sources(
    names: Iterable[str],
    read: Reader,
    *,
    dpi: int = PDF_DPI,
    finished: Mapping[str, Container[int]] | None = None,
) -> Iterator[Row]:
    """One row a page, in the order of the sources.

    Args:
        names: files, or "-" for stdin, as `find_sources` gives them.
        read: what reads a page.
        dpi: pixels an inch at which the pages of a PDF are rendered.
        finished: numbers of the pages of a source that are not wanted any more.
    """
    waiting: deque[Row] = deque()  # of pages that the reader has taken, and of errors between them

    def pages() -> Iterator[Page]:
        for name in names:
            skip = finished.get(name, ()) if finished else ()
            for number, page in iterate_pages(open_source(name), dpi=dpi, skip=skip):
                if isinstance(page, ImageError):
                    waiting.append(Row(name, number, error=str(page)))
                else:
                    waiting.append(Row(name, number))
                    yield page

    for answer in read(pages()):
        while waiting[0].error is not None:
            yield waiting.popleft()
        row = waiting.popleft()
        if isinstance(answer, ImageError):
            yield Row(row.path, row.page, error=str(answer))
        else:
            yield Row(row.path, row.page, answer)
    yield from waiting


def read_digits(
    predictor: Predictor, pages: Iterable[Page], *, top: int = 0
) -> Iterator[dict[str, Any] | ImageError]:
    """The digit of each page; with `top` also the best classes."""
    for answer in predictor.iterate_digits(pages):
        if isinstance(answer, ImageError):
            yield answer
            continue
        values = answer.to_dict()
        if top:
            values["top"] = [
                {"text": text, "probability": probability} for text, probability in answer.top(top)
            ]
        yield values
