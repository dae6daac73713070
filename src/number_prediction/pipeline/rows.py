"""The pages of sources -> a reader -> one row of results a page.

A reader is whatever takes pages and gives plain values for each; `read_digits` is one. Pages that cannot be
decoded never reach it: their rows hold the error.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ImageError
from number_prediction.files import write_atomically
from number_prediction.images.decode import ImageInput, Page
from number_prediction.images.sources import STDIN, iterate_pages, open_source


@dataclass(frozen=True, eq=False)
class Doubt:
    """A number that a person should look at."""

    name: str
    """Of the form's field, else the number of the number on its page, from "1"."""
    text: str | None
    """What was read; None where nothing fits what is known."""
    masked: str
    """The same with ? for each digit that is doubtful."""
    alternatives: tuple[tuple[str, float], ...]
    """Other texts with their probabilities, best first."""
    known: Mapping[str, Any]
    """What is known of it, as `knowledge` takes it."""
    picture: Page
    """(h, w) uint8: how it looks."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Values ready for JSON, and what led to them."""

    values: dict[str, Any]
    drawing: bytes | None
    """PNG; None where none was asked for."""
    doubts: tuple[Doubt, ...] = ()


Reader: TypeAlias = Callable[[Iterable[Page]], Iterable["dict[str, Any] | Explained | ImageError"]]
"""Pages (H, W) uint8, taken one by one -> for each, in order, values ready for JSON, or an error."""


@dataclass(frozen=True, eq=False)
class Row:
    """The result for one page."""

    path: str
    """The source, as it was named."""
    page: int
    """From 1; 1 for a source of a single picture."""
    values: dict[str, Any] = field(default_factory=dict)
    """What the reader says, ready for JSON; empty where there is an error."""
    error: str | None = None
    drawing: bytes | None = None
    """PNG of what led to the values, where the reader explains them."""
    doubts: tuple[Doubt, ...] = ()
    """What of the values a person should look at, where the reader was asked for it."""

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
    open_image: Callable[[str], ImageInput] = open_source,
) -> Iterator[Row]:
    """One row a page, in the order of the sources.

    Args:
        names: files, or "-" for stdin, as `find_sources` gives them.
        read: what reads a page.
        dpi: pixels an inch at which the pages of a PDF are rendered.
        finished: numbers of the pages of a source that are not wanted any more.
        open_image: what `iterate_pages` takes for a name, where that is not the file of this name.
    """
    waiting: deque[Row] = deque()  # of pages that the reader has taken, and of errors between them

    def pages() -> Iterator[Page]:
        for name in names:
            skip = finished.get(name, ()) if finished else ()
            for number, page in iterate_pages(open_image(name), dpi=dpi, skip=skip):
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
        elif isinstance(answer, Explained):
            yield Row(row.path, row.page, answer.values, drawing=answer.drawing, doubts=answer.doubts)
        else:
            yield Row(row.path, row.page, answer)
    yield from waiting


def save_drawings(rows: Iterable[Row], names: Iterable[str], folder: Path) -> Iterator[Row]:
    """Write the drawing of each row into a folder, and its path into the row's values, as "explanation".

    Args:
        rows: as `read_sources` gives them.
        names: the sources; a drawing is called after its source, FIVE.explained.png, by the whole path where
            several have one name, and by the page from the second on.
        folder: where to; it is made. An older drawing of the same name is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stems = _stems(names)
    for row in rows:
        if row.drawing is None:
            yield row
            continue
        page = f"-page{row.page}" if row.page > 1 else ""
        path = folder / f"{stems[row.path]}{page}.explained.png"
        write_atomically(path, row.drawing)
        yield replace(row, values={**row.values, "explanation": str(path)}, drawing=None)


def _stems(names: Iterable[str]) -> dict[str, str]:
    """Names of sources -> beginnings of the names of their drawings, each once."""
    listed = list(names)
    stem_of = {name: "stdin" if name == STDIN else Path(name).stem for name in listed}
    seen = Counter(stem.casefold() for stem in stem_of.values())
    stems: dict[str, str] = {}
    for name, stem in stem_of.items():
        chosen = stem if seen[stem.casefold()] == 1 else "_".join(Path(name).parts).strip("/\\:._")
        while chosen in stems.values():
            chosen += "_"
        stems[name] = chosen
    return stems
