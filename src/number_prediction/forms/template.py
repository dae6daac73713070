"""Template of a form: a JSON file -> its fields and what is printed on it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.constraints.constraint import Constraint
from number_prediction.constraints.spec import SPEC_KEYS, Spec, build_constraint
from number_prediction.errors import ConstraintError, DataError
from number_prediction.forms.registration import TEMPLATE_SIDE_PX
from number_prediction.images.decode import to_page
from number_prediction.images.geometry import Box
from number_prediction.layout.ink import find_ink
from number_prediction.layout.skew import find_skew

FIELD_KEYS = frozenset({"name", "box", "cells", *SPEC_KEYS})
"""Keys that a field may have."""
MIN_BOX_SIDE_PX = 4
"""Smallest height and width of a box, in pixels of the template."""
MAX_ASPECT_DIFFERENCE = 0.02
"""Largest difference between the aspect of the scan and of the size, as a share of the latter."""
MIN_PRINTED_SHARE = 0.3
"""Share of a pixel of the template that must be printed to count."""


@dataclass(frozen=True, eq=False)
class FormField:
    """The place of a number on a form, and its constraints."""

    name: str
    box: Box
    """Box in pixels of the template."""
    cells: int
    """Number of cells, side by side and equally wide."""
    spec: Spec
    """Its constraints as JSON values, see constraints/spec.py."""
    constraint: Constraint | None
    """All of them together; None if there are none."""


@dataclass(frozen=True, eq=False)
class FormTemplate:
    """A form: its fields and its print."""

    size: tuple[int, int]
    """Width and height, in pixels."""
    fields: tuple[FormField, ...]
    printed: NDArray[np.float32]
    """(h, w) with TEMPLATE_SIDE_PX pixels on the longer side: 1 where something is printed."""
    skew: float
    """Skew of the template itself in degrees; positive if its lines fall to the right."""


def load_form(path: str | os.PathLike[str]) -> FormTemplate:
    """Read a template.

    Raises:
        DataError: the file cannot be read, or it is not a template.
        ImageError: the scan of the template cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); see docs/reference/form-template.md") from error
    try:
        return _parse_form(content, Path(path).parent)
    except (KeyError, TypeError, ValueError, ConstraintError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path}: {reason}; see docs/reference/form-template.md") from error


def _parse_form(content: Mapping[str, Any], folder: Path) -> FormTemplate:
    if not isinstance(content, dict):
        raise TypeError("the template is not an object; write an object with size and fields")
    width, height = (int(side) for side in content["size"])
    if min(width, height) < 1:
        raise ValueError(f"size {content['size']}: give width and height in pixels")
    fields = tuple(_parse_field(each, width, height) for each in content["fields"])
    names = [field.name for field in fields]
    if not fields or len(set(names)) < len(names):
        raise ValueError(f"fields {', '.join(names)}: give at least one field, each with a different name")
    share = TEMPLATE_SIDE_PX / max(width, height)
    shape = (max(1, round(height * share)), max(1, round(width * share)))
    if "scan" not in content:
        return FormTemplate((width, height), fields, _draw(fields, shape, share), 0.0)
    scan = to_page(folder / str(content["scan"]))
    if abs(scan.shape[1] / scan.shape[0] - width / height) > MAX_ASPECT_DIFFERENCE * width / height:
        raise ValueError(
            f"scan {content['scan']} has {scan.shape[1]} x {scan.shape[0]} pixels, another aspect than size; "
            "correct the size"
        )
    ink = find_ink(scan)
    mask = ink.darker >= ink.threshold
    marks = Image.fromarray(mask.astype(np.float32))
    printed = np.asarray(marks.resize((shape[1], shape[0]), Image.Resampling.BOX))
    return FormTemplate(
        (width, height), fields, (printed > MIN_PRINTED_SHARE).astype(np.float32), find_skew(mask)
    )


def _parse_field(content: Mapping[str, Any], width: int, height: int) -> FormField:
    name = str(content["name"])
    unknown = set(content) - FIELD_KEYS
    if unknown:
        raise ValueError(
            f"field {name}: unknown key {', '.join(sorted(unknown))}; use {', '.join(sorted(FIELD_KEYS))}"
        )
    box = Box(*(float(value) for value in content["box"]))
    cells = int(content.get("cells", 1))
    if (
        min(box.width, box.height) < MIN_BOX_SIDE_PX
        or min(box) < 0
        or box.right > width
        or box.bottom > height
        or cells < 1
    ):
        raise ValueError(
            f"field {name}: box {content['box']} with {cells} cells must lie inside the size and "
            f"have at least {MIN_BOX_SIDE_PX} x {MIN_BOX_SIDE_PX} pixels and 1 cell; correct it"
        )
    spec = {key: content[key] for key in SPEC_KEYS if key in content}
    constraint = build_constraint(spec)
    if constraint is None and cells > 1:
        spec["digits"] = [0, cells]
        constraint = build_constraint(spec)
    return FormField(name, box, cells, spec, constraint)


def _draw(fields: tuple[FormField, ...], shape: tuple[int, int], share: float) -> NDArray[np.float32]:
    """Draw the borders of all cells."""
    printed = np.zeros(shape, np.float32)
    for field in fields:
        left, top, right, bottom = (
            round(side * share) for side in (field.box.left, field.box.top, field.box.right, field.box.bottom)
        )
        for y in (top, bottom):
            printed[min(y, shape[0] - 1), left : right + 1] = 1
        for x in np.linspace(left, right, field.cells + 1):
            printed[top : bottom + 1, min(round(float(x)), shape[1] - 1)] = 1
    return printed
