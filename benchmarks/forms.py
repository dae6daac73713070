"""Forms: photos of filled sheets, each of a layout of its own, found by their template and read.

    python benchmarks/forms.py [--sheets 30]

A sheet has up to six fields of one to six cells among printed words, MNIST test digits in some of the cells,
and is photographed at 0.7 to 1.6 times its size, turned by up to 12 degrees, tilted, under a shadow. Where it
lies is known, so a field that is found is off by a known share of its height; more than WRONG is wrong.
Prints for templates with and without a scan of the empty form: how many sheets are found rightly, how many
are refused, how many are wrong unseen; the least share of print found on right ones, and the most on wrong
ones and on sheets of another layout, which are to be refused; of the fields on sheets that were not refused
how many are read wholly right; and seconds a sheet, its reading included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.forms.form import LEAST_FOUND, FormReading, read_form
from number_prediction.forms.template import FormTemplate, load_form
from number_prediction.images.geometry import Box, Points, Projection
from number_prediction.numbers.predictor import NumberPredictor
from tests.helpers.drawn_pages import Drawing, cells_of

SIZES = ((900, 1200), (900, 1200), (1200, 850))
WORDS = (
    "Name",
    "of",
    "the",
    "student",
    "Points",
    "in",
    "exercise",
    "Room",
    "Sum",
    "Date",
    "write",
    "clearly",
)
WRONG = 0.35
"""How far off a corner of a field may be, as a share of its height."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A filled sheet, photographed."""

    picture: NDArray[np.uint8]
    empty: NDArray[np.uint8]
    """A scan of the sheet before it was filled."""
    fields: list[dict[str, Any]]
    """As a template names them."""
    texts: dict[str, str]
    """What stands in each field."""
    size: tuple[int, int]
    """Of the sheet."""
    to_photo: Projection


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sheets", type=int, default=30)
    options = parser.parse_args()
    splits, predictor = load_mnist(), NumberPredictor()
    photos = [photograph(splits, seed) for seed in range(options.sheets)]
    print("| template | sheets | right | refused | wrong | found, right | wrong | others | fields read | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, has_scan in (("without a scan", False), ("with a scan", True)):
        found: dict[bool, list[float]] = {True: [], False: []}
        fields: list[bool] = []
        others, seconds = [], []
        for photo, other in zip(photos, [*photos[1:], photos[0]], strict=True):
            template = make_template(photo, has_scan=has_scan)
            begun = time.perf_counter()
            reading = read_form(photo.picture, template, read=predictor.read_lines, least_found=0)
            seconds.append(time.perf_counter() - begun)
            stranger = read_form(other.picture, template, read=predictor.read_lines, least_found=0)
            others.append(stranger.found)
            error, is_read = measure(photo, reading)
            found[error <= WRONG].append(reading.found)
            fields += is_read if reading.found >= LEAST_FOUND else []
        right = sum(share >= LEAST_FOUND for share in found[True])
        wrong = sum(share >= LEAST_FOUND for share in found[False])
        print(
            f"| {name} | {len(photos)} | {right} | {len(photos) - right - wrong} | {wrong} | "
            f"{min(found[True], default=0):.2f} | {max(found[False], default=0):.2f} | {max(others):.2f} | "
            f"{sum(fields)} of {len(fields)} | {statistics.median(seconds):.2f} |"
        )


def make_template(photo: Photo, *, has_scan: bool) -> FormTemplate:
    """Of the sheet on a photo."""
    with tempfile.TemporaryDirectory() as folder:
        content: dict[str, Any] = {"size": photo.size, "fields": photo.fields}
        if has_scan:
            Image.fromarray(photo.empty).save(Path(folder) / "empty.png")
            content["scan"] = "empty.png"
        (Path(folder) / "form.json").write_text(json.dumps(content))
        return load_form(Path(folder) / "form.json")


def measure(photo: Photo, reading: FormReading) -> tuple[float, list[bool]]:
    """How far the worst field is off, as a share of its height; which fields are read rightly."""
    off = []
    for field, truth in zip(reading.fields, photo.fields, strict=True):
        corners = photo.to_photo(Box(*truth["box"]).corners)
        height = float(np.linalg.norm(corners[3] - corners[0]))
        off.append(float(np.linalg.norm(field.corners - corners, axis=1).max()) / height)
    return max(off), [each.text == photo.texts[each.name] for each in reading.fields]


def photograph(splits: Splits, seed: int) -> Photo:
    """A layout, a filled sheet of it, and a photo of that."""
    random = np.random.default_rng(seed)
    size = SIZES[random.integers(len(SIZES))]
    fields = lay_out(size, random)
    printed = draw_words(size, fields, random)
    sheets = [Drawing(*size, splits.test, seed=seed) for _ in range(2)]
    for sheet in sheets:
        sheet.ink = np.maximum(sheet.ink, printed)
        for field in fields:
            for cell in cells_of(Box(*field["box"]), field["cells"]):
                sheet.frame(cell)
    texts = {}
    for field in fields:
        cells = cells_of(Box(*field["box"]), field["cells"])[: random.integers(0, field["cells"] + 1)]
        texts[field["name"]] = "".join(str(random.integers(10)) for _ in cells)
        for digit, cell in zip(texts[field["name"]], cells, strict=True):
            sheets[1].write(
                digit, cell.left + 0.2 * cell.width, cell.top + 0.18 * cell.height, 0.6 * cell.height
            )
    light = {"shadow": random.uniform(0, 0.4), "noise": random.uniform(0, 4), "blur": random.uniform(0, 1)}
    picture = Image.fromarray(sheets[1].finish(**light).picture)
    to_photo, photo_size = look(size, random)
    back = np.linalg.inv(to_photo.matrix)
    photo = picture.transform(
        photo_size,
        Image.Transform.PERSPECTIVE,
        Projection(back / back[2, 2]).coefficients,
        Image.Resampling.BICUBIC,
        fillcolor=90,
    )
    return Photo(np.asarray(photo), sheets[0].finish().picture, fields, texts, size, to_photo)


def lay_out(size: tuple[int, int], random: np.random.Generator) -> list[dict[str, Any]]:
    """Fields one below the other."""
    fields: list[dict[str, Any]] = []
    top = int(random.integers(90, 200))
    while top < size[1] - 160 and len(fields) < 6:
        cells, width, height = (int(random.integers(*limits)) for limits in ((1, 7), (50, 80), (60, 90)))
        left = int(random.integers(80, size[0] - cells * width - 40))
        box = [left, top, cells * width, height]
        fields.append({"name": f"field {len(fields) + 1}", "box": box, "cells": cells})
        top += height + int(random.integers(20, 200))
    return fields


def draw_words(
    size: tuple[int, int], fields: list[dict[str, Any]], random: np.random.Generator
) -> NDArray[np.float32]:
    """Ink (H, W) of printed words that leave the fields free."""
    picture = Image.new("L", size)
    pen = ImageDraw.Draw(picture)
    for top in range(40, size[1] - 20, int(random.integers(60, 200))):
        words = " ".join(random.choice(WORDS, int(random.integers(1, 7))))
        font = ImageFont.load_default(int(random.integers(14, 34)))
        pen.text((int(random.integers(20, 300)), top), words, 200, font)
    for field in fields:
        left, top, width, height = field["box"]
        pen.rectangle((left - 6, top - 6, left + width + 6, top + height + 6), 0)
    return np.asarray(picture, np.float32) / 255


def look(size: tuple[int, int], random: np.random.Generator) -> tuple[Projection, tuple[int, int]]:
    """From pixels of a sheet to those of a photo that shows all of it, and the size of the photo."""
    scale, turn = random.uniform(0.7, 1.6), np.radians(random.uniform(-12, 12))
    across, along = scale * np.cos(turn), scale * np.sin(turn)
    tilts = random.uniform(-6e-5, 6e-5, 2)
    view = np.array([(across, -along, 0), (along, across, 0), (*tilts, 1)])
    corners: Points = Projection(view)(Box(0, 0, *size).corners)
    first, last = corners.min(0) - 20, corners.max(0) + 20
    moved = np.array([(1, 0, -first[0]), (0, 1, -first[1]), (0, 0, 1)]) @ view
    return Projection(moved), (int(last[0] - first[0]), int(last[1] - first[1]))


if __name__ == "__main__":
    main()
