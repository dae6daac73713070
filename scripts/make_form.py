"""Make the pictures of docs/form: an empty form and three filled sheets.

    python -m scripts.make_form

docs/form/form.json names the fields and their boxes; the digits are MNIST test digits.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from number_prediction.datasets.mnist import load_mnist
from number_prediction.images.geometry import Box
from tests.helpers.drawn_pages import Drawing, cells_of

FOLDER = Path(__file__).parents[1] / "docs" / "form"
SHEETS = (("1402", "57", "1,3"), ("3865", "41", "2,7"), ("2233", "8", "5,0"))
TURNS = (-2.0, 0.5, 4.0)
"""Degrees by which each sheet is rotated."""
LABELS = ("Student's number", "Points, 0 to 60", "Mark, 1,0 to 6,0")
INK = 190
"""Grey value of the print, 255 for black."""


def main() -> None:
    template = json.loads((FOLDER / "form.json").read_text(encoding="utf-8"))
    sheets = [Drawing(*template["size"], load_mnist().test, seed=seed) for seed in range(len(SHEETS) + 1)]
    for sheet in sheets:
        print_form(sheet, template)
    empty, *filled = sheets
    Image.fromarray(empty.finish().picture).quantize(8).save(FOLDER / template["scan"], optimize=True)
    (FOLDER / "sheets").mkdir(exist_ok=True)
    for number, (sheet, texts, turn) in enumerate(zip(filled, SHEETS, TURNS, strict=True), 1):
        for text, field in zip(texts, template["fields"], strict=True):
            fill(sheet, Box(*field["box"]), field.get("cells"), text)
        photo = sheet.finish(turn=turn, shadow=0.3, noise=2, blur=0.6, table=90).picture
        Image.fromarray(photo).save(FOLDER / "sheets" / f"{number}.jpg", quality=70)


def print_form(sheet: Drawing, template: dict[str, object]) -> None:
    """Words and boxes."""
    picture = Image.new("L", (sheet.ink.shape[1], sheet.ink.shape[0]))
    pen = ImageDraw.Draw(picture)
    pen.text((60, 40), "Written test, algebra", INK, ImageFont.load_default(34))
    fields = template["fields"]
    assert isinstance(fields, list)
    for label, field in zip(LABELS, fields, strict=True):
        box = Box(*field["box"])
        pen.text((60, box.top + 22), label, INK, ImageFont.load_default(26))
        for cell in cells_of(box, field.get("cells", 1)):
            sheet.frame(cell)
    sheet.ink = np.maximum(sheet.ink, np.asarray(picture, np.float32) / 255)


def fill(sheet: Drawing, box: Box, cells: int | None, text: str) -> None:
    """One digit per cell, or the whole text in a box without cells."""
    height = 0.62 * box.height
    if cells is None:
        sheet.write(text, box.left + 20, box.top + 12, height)
        return
    for digit, cell in zip(text, cells_of(box, cells), strict=False):
        sheet.write(digit, cell.left + 0.22 * cell.width, cell.top + 12, height)


if __name__ == "__main__":
    main()
