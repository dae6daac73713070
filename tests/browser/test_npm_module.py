"""The ES module for other people's pages, from pages of ten lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from number_prediction import Predictor, __version__
from tests.browser.conftest import open_context
from tests.browser.offline_app import serve
from tests.browser.pen import move_pen, write_digit

pytestmark = pytest.mark.browser

CANVAS = "number-pad >> nth=0 >> canvas"

PAGE = """<!doctype html>
<canvas width="200" height="200"></canvas>
<img alt="" src="seven.png">
<script type="module">
  import { load } from "./npm/index.js";
  const [canvas, image] = document.querySelectorAll("canvas, img");
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0);
  self.reader = await load();
  self.answer = await reader.read(canvas);
</script>"""

PAD_PAGE = """<!doctype html>
<script type="module" src="./npm/index.js"></script>
<number-pad aria-label="Your answer"><span slot="clear">Empty it</span></number-pad>
<number-pad></number-pad>
<script>
  self.texts = [];
  document.querySelector("number-pad").addEventListener("read", ({ detail }) => texts.push(detail?.text));
</script>"""


@pytest.fixture
def page(browser: Browser, app: Path, tmp_path: Path) -> Iterator[Page]:
    """A page of another site that has the module in its folder npm; it may not complain."""
    (tmp_path / "npm").symlink_to(app.parent / "npm")
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "pad.html").write_text(PAD_PAGE, encoding="utf-8")
    (tmp_path / "seven.png").write_bytes(_digit_png())
    errors: list[str] = []
    with serve(tmp_path) as served, open_context(browser, base_url=served.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


def _digit_png() -> bytes:
    """A seven of two strokes, dark on light."""
    picture = np.full((200, 200), 250, np.uint8)
    picture[40:56, 50:150] = 20
    for row in range(50, 165):
        middle = 142 - (row - 50) * 60 // 115
        picture[row, middle - 9 : middle + 9] = 20
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _answer(page: Page, expression: str) -> Any:
    """What the reader of the page says about a picture."""
    return page.evaluate(
        f"async () => {{ const {{ text, kind }} = await reader.read({expression}); return [kind, text]; }}"
    )


def test_a_page_of_ten_lines_reads_its_canvas(page: Page) -> None:
    page.goto("index.html")
    page.wait_for_function("self.answer")
    expected = Predictor().predict_digits([_digit_png()])[0]
    assert page.evaluate("[answer.kind, answer.text]") == ["digit", expected.text]
    assert page.evaluate("answer.probabilities") == pytest.approx(list(expected.probabilities), abs=0.02)


def test_it_reads_images_files_and_bitmaps(page: Page) -> None:
    page.goto("index.html")
    page.wait_for_function("self.answer")
    for expression in (
        "document.querySelector('img')",
        "await (await fetch('seven.png')).blob()",
        "await createImageBitmap(document.querySelector('img'))",
        "document.querySelector('canvas').getContext('2d').getImageData(0, 0, 200, 200)",
    ):
        assert _answer(page, expression) == ["digit", "7"], expression


def test_a_blank_canvas_is_no_digit(page: Page) -> None:
    page.goto("index.html")
    page.wait_for_function("self.answer")
    assert _answer(page, "new OffscreenCanvas(80, 80).getContext('2d').canvas") == ["digit", None]


def test_what_is_no_picture_is_said_in_words(page: Page) -> None:
    page.goto("index.html")
    page.wait_for_function("self.answer")
    said = page.evaluate(
        "reader.read(new Blob(['no picture'])).catch(({ code, message }) => [code, message])"
    )
    assert said[0] == "picture"
    assert "PNG" in said[1]


def test_a_closed_reader_says_so(page: Page) -> None:
    page.goto("index.html")
    page.wait_for_function("self.answer")
    said = page.evaluate(
        "(reader.close(), reader.read(document.querySelector('img'))).catch(({ message }) => message)"
    )
    assert "closed" in said


def test_the_element_reads_what_is_drawn(page: Page) -> None:
    page.goto("pad.html")
    pad = page.locator("number-pad").first
    move_pen(page, write_digit(7), CANVAS)
    expect(pad.locator("output")).to_have_text("7")
    assert pad.evaluate("(pad) => pad.value") == "7"
    assert page.locator("number-pad").nth(1).evaluate("(pad) => pad.value") == ""
    pad.get_by_role("button", name="Empty it").click()
    expect(pad.locator("output")).to_have_text("")
    assert pad.evaluate("(pad) => [pad.value, pad.answer]") == ["", None]
    assert page.evaluate("[texts.includes('7'), texts.at(-1) ?? null]") == [True, None]


def test_the_element_reads_numbers(page: Page) -> None:
    page.goto("pad.html")
    move_pen(page, [*write_digit(4, right=0.1), *write_digit(2, right=1)], CANVAS)
    expect(page.locator("number-pad").first.locator("output")).to_have_text("42")


def test_the_package_has_what_its_description_names(app: Path) -> None:
    package = app.parent / "npm"
    description = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert description["version"] == __version__
    assert all((package / path).is_file() for path in description["exports"]["."].values())
    assert "# number-prediction for the web" in (package / "README.md").read_text(encoding="utf-8")
