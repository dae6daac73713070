"""Pages of sources -> a reader -> one row of results for each page.

A reader is any function from pages to plain values, such as `read_digits`. A page that cannot be decoded
never reaches the reader: its row holds the error.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from number_prediction.constants import PDF_DPI
from number_prediction.constraints.spec import Spec
from number_prediction.errors import ImageError
from number_prediction.files import write_atomically
from number_prediction.images.decode import ImageInput, Page
from number_prediction.images.sources import STDIN, iterate_pages, open_page, open_source

if TYPE_CHECKING:
    from number_prediction.numbers.drawing import Mark


@dataclass(frozen=True, eq=False)
class Doubt:
    """A number that a person should check."""

    name: str
    """The form's field; on other pictures the position of the number on its page, from "1"."""
    text: str | None
    """What was read; None if nothing fits the constraints."""
    masked: str
    """The text with ? for each doubtful digit."""
    alternatives: tuple[tuple[str, float], ...]
    """Other texts with their probabilities, most probable first."""
    spec: Spec
    """The constraints of the number, see constraints/spec.py."""
    picture: Page
    """(h, w) uint8: the number as it looks."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Values ready for JSON, with what explains them."""

    values: dict[str, Any]
    drawing: bytes | None
    """PNG; None if no drawing was asked for."""
    doubts: tuple[Doubt, ...] = ()
    marks: tuple[Mark, ...] | None = None
    """Instead of a drawing, what to draw onto the page, in its colours; None if nothing was asked for."""


Reader: TypeAlias = Callable[[Iterable[Page]], Iterable["dict[str, Any] | Explained | ImageError"]]
"""Takes pages (H, W) uint8 one by one; gives for each, in order, values ready for JSON or an error."""


@dataclass(frozen=True, eq=False)
class Row:
    """The result for one page."""

    path: str
    """The source, as it was named."""
    page: int
    """From 1; always 1 for a picture with one page."""
    values: dict[str, Any] = field(default_factory=dict)
    """The reader's values, ready for JSON; empty in a row with an error."""
    error: str | None = None
    drawing: bytes | None = None
    """PNG that explains the values, if the reader draws one."""
    doubts: tuple[Doubt, ...] = ()
    """The values that a person should check, if the reader was asked for them."""

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
    """Read sources; gives one row for each page, in the order of the sources.

    Args:
        names: files, or "-" for stdin, as `find_sources` gives them.
        read: the reader.
        dpi: resolution at which the pages of a PDF are rendered.
        finished: for each source, the numbers of the pages to skip.
        open_image: gives the picture of a name; by default it opens the file of that name.
    """
    # rows of pages that the reader has taken, and of errors between them; each with its source
    waiting: deque[tuple[Row, ImageInput]] = deque()

    def pages() -> Iterator[Page]:
        for name in names:
            skip = finished.get(name, ()) if finished else ()
            image = open_image(name)
            for number, page in iterate_pages(image, dpi=dpi, skip=skip):
                if isinstance(page, ImageError):
                    waiting.append((Row(name, number, error=str(page)), image))
                else:
                    waiting.append((Row(name, number), image))
                    yield page

    for answer in read(pages()):
        while waiting[0][0].error is not None:
            yield waiting.popleft()[0]
        row, image = waiting.popleft()
        if isinstance(answer, ImageError):
            yield Row(row.path, row.page, error=str(answer))
        elif isinstance(answer, Explained):
            drawing = _draw(answer, image, row.page, dpi)
            yield Row(row.path, row.page, answer.values, drawing=drawing, doubts=answer.doubts)
        else:
            yield Row(row.path, row.page, answer)
    yield from (row for row, _ in waiting)


def _draw(answer: Explained, image: ImageInput, number: int, dpi: int) -> bytes | None:
    """The drawing of an answer; its marks are drawn onto the page, which is decoded again in colour.

    None if no drawing was asked for, or the file has gone since it was read.
    """
    if answer.marks is None:
        return answer.drawing
    from number_prediction.numbers.drawing import encode_marks

    try:
        return encode_marks(open_page(image, number, dpi=dpi, in_colour=True), answer.marks)
    except ImageError:
        return None


def save_drawings(rows: Iterable[Row], names: Iterable[str], folder: Path) -> Iterator[Row]:
    """Write the drawing of each row into a folder, and its path into the values of the row as "explanation".

    Args:
        rows: as `read_sources` gives them.
        names: the sources. A drawing is named after its source, such as FIVE.explained.png. Sources of the
            same name give drawings named after the whole path; from page 2 on, the page is added.
        folder: made if missing. Older drawings of the same name are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stems = _unique_stems(names)
    for row in rows:
        if row.drawing is None:
            yield row
            continue
        page = f"-page{row.page}" if row.page > 1 else ""
        path = folder / f"{stems[row.path]}{page}.explained.png"
        write_atomically(path, row.drawing)
        yield replace(row, values={**row.values, "explanation": str(path)}, drawing=None)


def _unique_stems(names: Iterable[str]) -> dict[str, str]:
    """Names of sources -> beginnings of the names of their drawings, no two the same."""
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
