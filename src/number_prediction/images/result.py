"""What every answer about a picture can do: say where the picture is, show itself, become a table.

A `Result` shows itself in Jupyter. `draw`, `plot` and `save` make a picture of it, `to_frame` a table.
"""

from __future__ import annotations

import html
import io
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex, TypeVar, overload

from number_prediction.errors import ImageError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from PIL import Image

    from number_prediction.images.decode import ImageInput

MAX_SHOWN = 20
"""Results of a list that Jupyter shows as pictures."""
MAX_SHOWN_SIDE_PX = 1000
"""Longer side of a picture in Jupyter, in pixels; larger ones are reduced, because notebooks store them."""
SHARE_DECIMALS, PIXEL_DECIMALS, DEGREE_DECIMALS = 4, 1, 2
"""Decimals in plain values: 0.01% of a probability, a tenth of a pixel, a hundredth of a degree."""
PLACE_COLUMNS = ("path", "page")
BOX_COLUMNS = ("left", "top", "width", "height")
NULLABLE_INTEGERS = ("page", "label")
"""Columns that stay whole numbers where a value is missing."""


@dataclass(frozen=True, eq=False)
class Source:
    """Where a picture came from."""

    path: str | None
    """As it was given, or found in a folder; None for bytes, arrays and the like."""
    page: int = 1
    """Page of a document, from 1."""
    picture: ImageInput | None = field(default=None, repr=False)
    """The path or what was given instead; None if it cannot be read again, such as a stream."""

    @classmethod
    def of(cls, image: ImageInput, page: int = 1) -> Self:
        """The source of what `to_page` or `iterate_pages` takes."""
        path = os.fspath(image) if isinstance(image, str | os.PathLike) else None
        return cls(path, page, None if hasattr(image, "read") else image)

    def open(self) -> NDArray[np.uint8]:
        """Decode the picture again, in colour: (H, W, 3) uint8, upright.

        Raises:
            ImageError: it cannot be read again.
        """
        from number_prediction.images.sources import open_page

        if self.picture is None:
            raise ImageError("the picture is not kept; read it from a path, bytes, an array or a PIL image")
        return open_page(self.picture, self.page, in_colour=True)


@dataclass(frozen=True, eq=False, repr=False)
class Result(ABC):
    """An answer about one picture."""

    source: Source | None = field(default=None, kw_only=True)
    """Where the picture came from, if it is known."""

    COLUMNS: ClassVar[tuple[str, ...]]
    """Columns that `to_frame` always has."""

    @abstractmethod
    def draw(self) -> Image.Image:
        """Draw the answer as an RGB picture.

        Raises:
            ImageError: the answer is drawn on its picture, which cannot be read again.
        """

    @abstractmethod
    def to_rows(self) -> list[dict[str, Any]]:
        """The rows of `to_frame`, not rounded."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Convert to plain Python values for JSON, rounded to what they mean."""

    def at(self, source: Source) -> Self:
        """The same answer about a picture from `source`."""
        return replace(self, source=source)

    def to_frame(self) -> pandas.DataFrame:
        """Convert to a pandas table; the columns are those of `Results.to_frame`."""
        return Results([self]).to_frame()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw into Matplotlib axes, by default those of a new figure; returns the axes.

        Raises:
            ImageError: as `draw`.
            MissingExtraError: Matplotlib is not installed.
        """
        picture = self.draw()
        if ax is None:
            try:
                from matplotlib import pyplot
            except ModuleNotFoundError as error:
                raise MissingExtraError.of(error, "train") from error
            _, ax = pyplot.subplots(figsize=(8, max(1.5, 8 * picture.height / picture.width)))
        ax.imshow(picture)
        ax.set_axis_off()
        ax.set_title(repr(self), fontsize=9, parse_math=False)
        return ax

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file; its suffix names the format, such as .png. Returns the path.

        Raises:
            ImageError: as `draw`, or a suffix that is no format.
        """
        picture = self.draw()
        try:
            picture.save(path)
        except ValueError as error:
            raise ImageError(f"{os.fspath(path)}: no picture format; end the name in .png or .jpg") from error
        return Path(path)

    def path_and_page(self) -> dict[str, Any]:
        """Path and page, if the path is known."""
        if self.source is None or self.source.path is None:
            return {}
        return {"path": self.source.path, "page": self.source.page}

    def _repr_html_(self) -> str:
        """What Jupyter shows: the answer in words, and the drawing if its picture can be read again."""
        words = html.escape(repr(self))
        try:
            drawn = f'<img src="{_reduced_url(self.draw())}" alt="{words}" style="max-width: 100%">'
        except ImageError:
            drawn = ""
        path = self.path_and_page().get("path")
        caption = words if path is None else f"{words} in {html.escape(path)}"
        return f"<figure>{drawn}<figcaption><code>{caption}</code></figcaption></figure>"


R = TypeVar("R", bound=Result)


class Results(list[R]):
    """Several results, in order: a list, also when it is sliced, that can become a table and pictures."""

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> R: ...
    @overload
    def __getitem__(self, index: slice, /) -> Results[R]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> R | Results[R]:
        return Results(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def to_frame(self) -> pandas.DataFrame:
        """Convert to a pandas table, not rounded.

        - Digits, a row each: path, page, label, text, confidence, is_digit, warnings, and
          `probability_NAME` for each class.
        - Numbers, a row each: path, page, text, confidence, fit, probability.
        - Pages, a row for each number: path, page, number (from 1), text, confidence, fit, probability,
          left, top, width, height.
        - Forms, a row for each field: path, page, field, text, confidence, fit, probability, left, top,
          width, height.

        `path` and `page` are missing where a picture has no path.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(error, "train") from error
        rows = [
            {**dict.fromkeys(PLACE_COLUMNS), **result.path_and_page(), **row}
            for result in self
            for row in result.to_rows()
        ]
        columns = dict.fromkeys((*PLACE_COLUMNS, *self[0].COLUMNS) if self else ())
        for row in rows:
            columns |= dict.fromkeys(row)
        frame = pandas.DataFrame(rows, columns=list(columns))
        return frame.astype({name: "Int64" for name in NULLABLE_INTEGERS if name in columns})

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write one PNG for each result into a folder, named after its picture; returns the paths.

        Raises:
            ImageError: as `Result.draw`.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        names = _unique([_name(result, number) for number, result in enumerate(self, 1)])
        return [result.save(Path(folder) / f"{name}.png") for result, name in zip(self, names, strict=True)]

    def _repr_html_(self) -> str:
        """What Jupyter shows: the first results."""
        shown = "".join(result._repr_html_() for result in self[:MAX_SHOWN])
        more = f"<p>... and {len(self) - MAX_SHOWN:,} more</p>" if len(self) > MAX_SHOWN else ""
        return shown + more


def round_share(value: float) -> float:
    """Round a probability or a share to SHARE_DECIMALS."""
    return round(float(value), SHARE_DECIMALS)


def round_pixels(values: Sequence[float]) -> list[float]:
    """Round coordinates in pixels to PIXEL_DECIMALS."""
    return [round(float(value), PIXEL_DECIMALS) for value in values]


def _reduced_url(picture: Image.Image) -> str:
    """Data URL of a picture of at most MAX_SHOWN_SIDE_PX a side."""
    from number_prediction.html import data_url

    picture.thumbnail((MAX_SHOWN_SIDE_PX, MAX_SHOWN_SIDE_PX))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return data_url(stream.getvalue())


def _name(result: Result, number: int) -> str:
    """Name of a file for a result: after its picture, or by its number."""
    path = result.path_and_page().get("path")
    if path is None or result.source is None:
        return str(number)
    return Path(path).stem + (f"-page{result.source.page}" if result.source.page > 1 else "")


def _unique(names: list[str]) -> list[str]:
    """The same names; those that are there more than once get a number."""
    counts, taken = Counter(name.casefold() for name in names), {name.casefold() for name in names}
    unique = []
    for number, name in enumerate(names, 1):
        chosen = name
        if counts[name.casefold()] > 1:
            chosen = f"{name}-{number}"
            while chosen.casefold() in taken:
                chosen += "_"
            taken.add(chosen.casefold())
        unique.append(chosen)
    return unique
