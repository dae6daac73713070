"""Make docs/images/page.png and inside.png: the offline app in Chromium, reading a drawn 7.

    python -m scripts.make_page

Needs an installed Chromium, and `make offline-app` once for its packages.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from scripts.pictures import save_picture
from tests.browser.conftest import PATIENCE, find_chromium
from tests.browser.offline_app import build_app, serve, visit
from tests.browser.pen import Strokes, draw

WINDOW, WIDTH = 1280, 1000
"""Width of the window and of its picture, in pixels."""
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
        photograph(page, "page.png", models=("digit", "number"))
        page.set_viewport_size({"width": WINDOW, "height": 980})
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.get_by_role("link", name="Look inside").click()
        expect(page.get_by_role("heading", name="The answer")).to_be_attached()
        photograph(page, "inside.png", models=("digit",))


def photograph(page: Page, name: str, *, models: tuple[str, ...]) -> None:
    """Save what the window shows."""
    page.mouse.move(0, 0)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        height = picture.height * WIDTH // picture.width
        smaller = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        save_picture(smaller, name, models=models, colours=COLOURS)


if __name__ == "__main__":
    main()
