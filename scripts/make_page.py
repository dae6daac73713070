"""Make docs/page.png and docs/inside.png: the offline app in Chromium, as it reads a drawn 7.

    python -m docs.make_page

Needs Chromium, and `make offline-app` once.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import PATIENCE, find_chromium
from tests.browser.offline_app import build_app, serve, visit
from tests.browser.pen import Strokes, draw

FOLDER = Path(__file__).parents[1] / "docs"
WINDOW, WIDTH = 1280, 1000
"""Pixels of the window, and of its picture."""
COLOURS = 128
SEVEN: Strokes = [
    [(0.68, 0.26), (1.0, 0.23), (1.34, 0.25), (1.24, 0.46), (1.03, 0.84)],
    [(0.93, 0.54), (1.32, 0.51)],
]


def main() -> None:
    expect.set_options(timeout=PATIENCE)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(build_app(Path(folder) / "app")) as served,
        sync_playwright() as playwright,
    ):
        page = playwright.chromium.launch(executable_path=find_chromium()).new_page()
        visit(page, served.url)
        page.set_viewport_size({"width": WINDOW, "height": 900})
        draw(page, SEVEN)
        photograph(page, "page.png")
        page.set_viewport_size({"width": WINDOW, "height": 980})
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.get_by_role("link", name="Look inside").click()
        expect(page.get_by_role("heading", name="The answer")).to_be_attached()
        photograph(page, "inside.png")


def photograph(page: Page, name: str) -> None:
    """What is in the window, in few colours."""
    page.mouse.move(0, 0)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        smaller = picture.convert("RGB").resize(
            (WIDTH, picture.height * WIDTH // picture.width), Image.Resampling.LANCZOS
        )
        smaller.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
