"""Modules of the page by themselves: they give the very figures of their counterparts in Python."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from number_prediction.constants import GLYPHS
from number_prediction.decoding.search import decode
from number_prediction.digits.warnings import WARNINGS
from number_prediction.images.decode import to_page
from tests.browser.conftest import open_context
from tests.browser.offline_app import serve
from tests.helpers.composed import peaks

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page of the same origin that runs nothing by itself."""
    folder = Path(str(resources.files("number_prediction") / "web" / "page"))
    with open_context(browser, bypass_csp=True) as context, serve(folder) as served:
        page = context.new_page()
        page.goto(f"{served.url}config.json")
        yield page


def call(page: Page, module: str, expression: str, values: Any = None) -> Any:
    """What an expression of `module` and `values` is in the browser."""
    return page.evaluate(
        f"async (values) => {{ const module = await import('/{module}'); return {expression}; }}", values
    )


def random_lattices() -> Iterator[np.ndarray]:
    generator = np.random.default_rng(5)
    for steps, sharpness in ((1, 1), (5, 0.3), (12, 3), (30, 6)):
        for _ in range(3):
            logits = generator.normal(0, sharpness, (steps, len(GLYPHS)))
            logits[:, 0] += sharpness
            shares = np.exp(logits - logits.max(1, keepdims=True))
            yield (shares / shares.sum(1, keepdims=True)).astype(np.float32)
    yield from (peaks(text) for text in ("7", "42", "1100", "3.50", "99999"))
    yield peaks("4217", {1: ("7", 0.4), 3: ("1", 0.55)})


def test_lattices_are_read_as_in_python(page: Page) -> None:
    lattices = list(random_lattices())
    answers = call(
        page,
        "reader/lattice.js",
        "values[0].map((each) => module.decode(Float32Array.from(each), values[1]))",
        [[each.ravel().tolist() for each in lattices], list(GLYPHS)],
    )
    for lattice, answer in zip(lattices, answers, strict=True):
        expected = decode(lattice, GLYPHS)[0]
        assert answer["text"] == expected.text
        assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-5)
        for found, glyph in zip(answer["glyphs"], expected.glyphs, strict=True):
            assert (found["glyph"], found["begin"], found["end"]) == (glyph.glyph, glyph.begin, glyph.end)
            assert found["confidence"] == pytest.approx(glyph.confidence, abs=1e-5)
            assert dict(found["alternatives"]) == pytest.approx(dict(glyph.alternatives), abs=1e-5)


def test_glyphs_get_the_boxes_of_their_ink(page: Page) -> None:
    """A one of two columns, a broken four and a dot, each about the middle of its time steps."""
    frame = np.zeros((40, 480), np.float32)
    frame[4:28, 40:42] = 1
    frame[6:20, 80:90] = frame[2:26, 92:94] = 0.8
    frame[24:28, 110:113] = 0.5
    steps = {"1": (10, 11), "4": (21, 22), ".": (27, 29)}
    glyphs = [{"glyph": glyph, "begin": begin, "end": end} for glyph, (begin, end) in steps.items()]
    located = call(
        page,
        "reader/lattice.js",
        "module.locate({ glyphs: values[0] }, { width: 480, height: 40, data: values[1] }, 120, [5, 7, 0.5])",
        [glyphs, frame.ravel().tolist()],
    )
    assert [each["box"] for each in located] == [
        [5 + 20, 7 + 2, 1, 12],
        [5 + 40, 7 + 1, 7, 12],
        [5 + 55, 7 + 12, 1.5, 2],
    ]


@pytest.mark.parametrize(
    ("glyphs", "confidence", "fit", "expected"),
    [(2, 0.9, 0.9, True), (1, 0.9, 0.9, False), (3, 0.1, 1.0, False), (3, 0.9, 0.02, False)],
)
def test_one_digit_a_scribble_and_a_word_are_no_numbers(
    page: Page, glyphs: int, confidence: float, fit: float, expected: bool
) -> None:
    reading = {"glyphs": [{}] * glyphs, "confidence": confidence, "fit": fit}
    assert call(page, "reader/lattice.js", "module.isNumber(values)", reading) is expected


@pytest.mark.parametrize("light", [30, 220])
def test_transparent_pictures_become_the_same_page(page: Page, light: int) -> None:
    generator = np.random.default_rng(light)
    colours = generator.integers(max(0, light - 30), light + 30, (20, 30, 4), np.uint8)
    colours[..., 3] = generator.choice([0, 60, 128, 254, 255], (20, 30))
    grey = call(
        page,
        "reader/grey.js",
        """(() => {
            const { grey, isTransparent } = module.greyOf(Uint8Array.from(values));
            if (isTransparent) module.layOnBackground(grey, values.filter((_, index) => index % 4 === 3));
            return [...grey];
        })()""",
        colours.ravel().tolist(),
    )
    expected = to_page(Image.fromarray(colours))
    assert np.array_equal(np.array(grey).reshape(20, 30), expected)
    opaque = call(
        page, "reader/grey.js", "[...module.greyOf(Uint8Array.from(values)).grey]", [9, 250, 33, 255]
    )
    assert opaque == to_page(np.array([[[9, 250, 33]]], np.uint8)).ravel().tolist()


def test_every_language_has_all_words(page: Page) -> None:
    keys = call(page, "strings.js", "module.keysByLanguage()")
    assert keys["en"] == keys["de"]
    assert {f"warning.{rule.code}" for rule in WARNINGS} <= set(keys["en"])
