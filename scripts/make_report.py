"""Make docs/images/report.png: the report of the packaged model for digits, in Chromium.

    python -m scripts.make_report

Needs an installed Chromium.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from scripts.pictures import save_picture
from tests.browser.conftest import find_chromium

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "src" / "number_prediction" / "assets" / "models" / "digit.onnx"
WINDOW_SIZE = (1100, 1900)
"""Width and height of the window, in pixels."""
WIDTH = 880
"""Width of the picture, in pixels."""
COLOURS = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "number_prediction", "evaluate", str(MODEL)]
        command += ["--no-analysis", "--output", folder]  # the analysis is below the picture
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        report = next(Path(folder).rglob("report.html"))
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=find_chromium()).new_page()
            page.set_viewport_size({"width": WINDOW_SIZE[0], "height": WINDOW_SIZE[1]})
            page.emulate_media(reduced_motion="reduce")
            page.goto(report.as_uri())
            page.wait_for_load_state("networkidle")
            screenshot = page.screenshot()
    with Image.open(io.BytesIO(screenshot)) as picture:
        size = (WIDTH, picture.height * WIDTH // picture.width)
        smaller = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        save_picture(smaller, "report.png", models=("digit",), colours=COLOURS)


if __name__ == "__main__":
    main()
