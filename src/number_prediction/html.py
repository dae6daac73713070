"""Template and pictures -> one self-contained HTML page. Figures need the extra `train` (matplotlib)."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES_FOLDER = "figures"
"""Folder of the figures, in the folder of a report."""
_DOTS_PER_INCH = 130


def render(template: str, **values: Any) -> str:
    """Fill a template, given by its path in the package; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("number_prediction", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def figure_to_png(figure: Figure) -> bytes:
    """Encode a figure as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH)
    return stream.getvalue()


class Illustrations(NamedTuple):
    """Figures for a page and for a folder."""

    urls: dict[str, str]
    """Name -> data URL for the `src` of an image."""
    files: dict[str, bytes]
    """Path in the folder of the report -> PNG."""


def illustrate(figures: Mapping[str, Figure]) -> Illustrations:
    """Encode figures once for both the page and FIGURES_FOLDER."""
    pngs = {name: figure_to_png(figure) for name, figure in figures.items()}
    return Illustrations(
        {name: data_url(png) for name, png in pngs.items()},
        {f"{FIGURES_FOLDER}/{name}.png": png for name, png in pngs.items()},
    )


def picture_to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture (H, W) or (H, W, 4) uint8 as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def data_url(png: bytes) -> str:
    """Encode a PNG as a data URL, so that the page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
