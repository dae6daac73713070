"""The page without its own engine: asking a server, corrections there; and the app without any connection."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from tests.browser.conftest import open_context
from tests.browser.offline_app import Served, hold, photograph_digits, serve
from tests.browser.pen import draw, move_pen, wait_for_answer, write_digit
from tests.helpers.served import running

pytestmark = pytest.mark.browser

SEVEN = write_digit(7)
FORTY_TWO = [*write_digit(4, right=0.1), *write_digit(2, right=1)]
PAGE = Path(str(resources.files("number_prediction") / "web" / "page"))
MAX_FIRST_LOAD = 6_000_000
TOKEN = "a secret"

NUMBER = "0" * 64
"""SHA-256 of the model for numbers that the server says it has."""


@dataclass
class FakeServer:
    """The REST interface, answered by the packaged model; numbers are always 42."""

    predictor: Predictor
    reads_numbers: bool = False
    problems: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """What the next answers to pictures are instead, as status and problem details."""
    kept: dict[int, dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, address: str, body: dict[str, Any] | bytes) -> tuple[int, Any]:
        path = urlsplit(address).path
        if path == "model":
            return 200, self.describe()
        if path.startswith("corrections"):
            return self.answer_corrections(method, path, parse_qs(urlsplit(address).query), body)
        if self.problems:
            return self.problems.pop(0)
        assert isinstance(body, bytes)
        if path == "number":
            boxes = {"4": [48, 20, 120, 200], "2": [264, 20, 110, 200]}
            glyphs = [
                {"glyph": glyph, "confidence": 0.98, "alternatives": [["9", 0.02]], "box": box}
                for glyph, box in boxes.items()
            ]
            return 200, {"predictions": [{"text": "42", "confidence": 0.97, "fit": 0.99, "glyphs": glyphs}]}
        assert path == "digits"
        (digit,) = self.predictor.predict_digits([body])
        return 200, {"predictions": [{**digit.to_dict(), "frame": digit.frame.tolist()}]}

    def describe(self) -> dict[str, Any]:
        return {
            "classes": list(self.predictor.classes),
            "sha256": self.predictor.sha256,
            "is_digit_threshold": self.predictor.threshold,
            "version": "0.1.0",
            "models": {"digit": self.predictor.sha256, **({"number": NUMBER} if self.reads_numbers else {})},
        }

    def answer_corrections(
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        number = next(iter(re.findall(r"\d+", path)), None)
        if method == "POST":
            self.kept[len(self.kept) + 1] = json.loads(body)
            return 201, {"id": len(self.kept)}
        if method == "DELETE":
            self.kept = {} if number is None else {k: v for k, v in self.kept.items() if k != int(number)}
            return 204, b""
        if path.endswith("picture"):
            return 200, base64.b64decode(self.kept[int(number or 0)]["picture"])
        if path.endswith("export"):
            return 200, b"a ZIP"
        after = int(query["after"][0])
        listed = [
            {
                "id": key,
                "time": "2026-11-22T12:00:00Z",
                "label": each["label"],
                "prediction": each["prediction"],
            }
            for key, each in sorted(self.kept.items())
            if key > after
        ]
        has_more = len(listed) > 1  # one at a time, to be asked again
        return 200, {
            "corrections": listed[:1],
            "total": len(self.kept),
            "next": listed[0]["id"] if has_more else None,
        }


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    with open_context(browser, viewport={"width": 1280, "height": 900}) as context:
        yield context


@pytest.fixture
def server(predictor: Predictor) -> FakeServer:
    return FakeServer(predictor)


@pytest.fixture
def served(server: FakeServer) -> Iterator[Served]:
    with serve(PAGE, api=server.answer) as served:
        yield served


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    page = context.new_page()
    page.goto(served.url)
    expect(page.get_by_text("Read by the server of this page.")).to_be_visible()
    yield page
    page.close()


def test_a_server_reads_a_seven(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#verdict")).to_have_text("This is a 7")
    expect(page.get_by_role("heading", name="What the model saw")).to_be_visible()
    expect(page.get_by_role("link", name="Look inside")).to_be_hidden()
    page.get_by_role("link", name="Inside", exact=True).click()
    expect(page.get_by_text("This server sends only answers.")).to_be_visible()
    expect(page.locator("#learn code")).to_contain_text("make offline-app")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320


def test_a_number_has_boxes_and_each_digit_can_be_corrected(page: Page, server: FakeServer) -> None:
    server.reads_numbers = True
    page.reload()
    expect(page.get_by_role("heading", name="Write a number")).to_be_visible()
    draw(page, FORTY_TWO)
    expect(page.locator("#big")).to_have_text("42")
    expect(page.locator("#verdict")).to_have_text("This is 42")
    canvas, boxes = page.locator("#canvas").bounding_box(), page.locator("#boxes li")
    assert canvas is not None
    expect(boxes).to_have_count(2)
    box = boxes.nth(1).bounding_box()
    assert box is not None
    assert (box["x"] + box["width"] / 2 - canvas["x"]) / canvas["width"] == pytest.approx(319 / 480, abs=0.01)
    assert (box["y"] + box["height"] / 2 - canvas["y"]) / canvas["height"] == pytest.approx(0.5, abs=0.01)
    page.get_by_role("list", name="Digits of the number").get_by_role("button").nth(1).click()
    expect(page.get_by_role("heading", name="What is the 2 really?")).to_be_visible()
    page.keyboard.press("3")
    expect(page.locator("#verdict")).to_have_text("You say: 43")
    page.get_by_role("button", name="Keep the picture").click()
    expect(page.get_by_text("Kept.").first).to_be_visible()
    (kept,) = server.kept.values()
    assert kept["kept_with_consent"] is True
    assert (kept["label"], kept["prediction"]["text"]) == ("3", "2")
    assert len(kept["strokes"]) == len(FORTY_TWO)
    assert kept["model_sha256"] == NUMBER
    cut = server.predictor.predict_digits([base64.b64decode(kept["picture"])])[0]
    assert cut.text == "2"


def test_the_next_answer_leaves_the_focus_on_its_digit(page: Page, server: FakeServer) -> None:
    server.reads_numbers = True
    page.reload()
    draw(page, FORTY_TWO)
    for name in ("Digits in the picture", "Digits of the number"):
        digit = page.get_by_role("list", name=name).get_by_role("button").nth(1)
        digit.focus()
        with page.expect_request(re.compile("number")):
            page.keyboard.press("Control+z")
        wait_for_answer(page)
        expect(digit).to_be_focused()
        expect(digit).to_contain_text("2")


def test_an_answer_to_another_drawing_is_not_shown(page: Page) -> None:
    held = hold(page, "**/api/digits*")
    with page.expect_request("**/api/digits*"):
        move_pen(page, SEVEN)
    page.get_by_role("button", name="Clear").click()
    move_pen(page, write_digit(4))
    with page.expect_request("**/api/digits*"):
        held.pop(0).continue_()
    expect(page.locator("#verdict")).to_have_text("Reading …")
    held.pop(0).continue_()
    wait_for_answer(page)
    expect(page.locator("#verdict")).to_have_text("This is a 4")


def test_a_correction_that_is_kept_late_is_listed_and_kept_once(page: Page, server: FakeServer) -> None:
    held = hold(page, "**/api/corrections")
    draw(page, SEVEN)
    page.keyboard.press("1")
    with page.expect_request("**/api/corrections"):
        page.get_by_role("button", name="Keep the picture").dblclick()
    page.get_by_role("link", name="Corrections").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    for route in held:
        route.continue_()
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    assert len(server.kept) == 1


def test_corrections_lie_on_the_server(page: Page, server: FakeServer) -> None:
    draw(page, SEVEN)
    for key in ("1", "2", "n"):
        expect(page.locator("#correct")).to_be_visible()
        page.locator("#canvas").focus()
        page.keyboard.press(key)
        expect(page.get_by_text("It is stored on the server")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Kept.").first).to_be_visible()
    assert [each["label"] for each in server.kept.values()] == ["1", "2", "none"]
    assert all(len(each["strokes"]) == 1 for each in server.kept.values())
    page.get_by_role("link", name="Corrections").click()
    items = page.get_by_role("main").get_by_role("listitem")
    expect(items).to_have_count(3)
    page.get_by_role("button", name="Delete the picture of 2").click()
    expect(items).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    assert download.value.path().read_bytes() == b"a ZIP"
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(items).to_have_count(0)
    assert server.kept == {}


def test_a_server_that_is_down_is_said_to_be_and_asked_again(
    page: Page, served: Served, server: FakeServer
) -> None:
    served.stop()
    draw(page, SEVEN)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server does not answer. Start it with “number-prediction serve”")
    expect(page.locator("#verdict")).to_have_text("Nothing written yet")
    with serve(PAGE, api=server.answer, port=int(served.url.rsplit(":", 1)[1].strip("/"))):
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#verdict")).to_have_text("This is a 7")
        expect(alert).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "The server refused the request: too large for me"),
        (500, "The server failed (too large for me)"),
        (503, "The server is busy."),
        (401, "The token is missing or wrong."),
    ],
)
def test_what_a_server_refuses_is_said(
    page: Page, server: FakeServer, mnist: Splits, status: int, words: str
) -> None:
    server.problems = [(status, {"title": "Refused", "detail": "too large for me"})]
    photograph = photograph_digits(mnist.test, 1)[0]  # a drawing would ask several times
    page.get_by_label("Open a picture").set_input_files(
        {"name": "picture.png", "mimeType": photograph.media_type, "buffer": photograph.content}
    )
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(words)
    if status == 401:
        page.get_by_label("Token of this server").fill(TOKEN)
        with page.expect_request(re.compile("digits")) as request:
            page.get_by_role("button", name="Use token").click()
        assert request.value.headers["authorization"] == f"Bearer {TOKEN}"
    elif status != 503:  # then it is asked again by itself
        page.get_by_role("button", name="Try again").click()
    expect(page.locator("#verdict")).to_have_text(f"This is a {mnist.test.labels[0]}")
    expect(alert).to_be_hidden()


def test_without_a_connection_it_reads_on(browser: Browser, app: Path) -> None:
    """A first visit is small; then the server is stopped, the page loaded again, and a digit read."""
    with open_context(browser) as context, serve(app) as served:
        page = context.new_page()
        page.goto(served.url)
        expect(page.get_by_text("Works offline now.")).to_be_visible()
        first = [
            size for path, size in served.sent.items() if not path.endswith("number.onnx")
        ]  # it comes after
        assert sum(first) < MAX_FIRST_LOAD
        assert not any("learn/" in path for path in served.sent)
        served.stop()
        page.reload()
        draw(page, SEVEN)
        expect(page.locator("#verdict")).to_have_text("This is a 7")
        expect(page.get_by_text("Works offline now.")).to_be_visible()
        page.keyboard.press("4")
        page.get_by_role("button", name="Keep the picture").click()
        page.get_by_role("link", name="Corrections").click()
        expect(page.get_by_text("It is 4")).to_be_visible()
        page.get_by_role("link", name="Inside", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("This view could not be loaded")


def test_an_altered_model_is_not_run(browser: Browser, app: Path) -> None:
    with open_context(browser, service_workers="block") as context, serve(app) as served:
        page = context.new_page()
        alter(page, app / "models" / "digit.onnx")
        page.goto(served.url)
        expect(page.get_by_role("alert")).to_contain_text(
            "The model file differs from the one this page was built with."
        )


def test_digits_are_read_without_the_model_for_numbers(browser: Browser, app: Path) -> None:
    with open_context(browser, service_workers="block") as context, serve(app) as served:
        page = context.new_page()
        alter(page, app / "models" / "number.onnx")
        page.goto(served.url)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("The model file differs from the one this page was built with.")
        draw(page, SEVEN)
        expect(page.locator("#verdict")).to_have_text("This is a 7")
        expect(alert).to_be_visible()
        page.unroute("**/number.onnx")
        page.get_by_role("button", name="Try again").click()
        expect(alert).to_be_hidden()
        expect(page.get_by_role("contentinfo")).not_to_contain_text("can be read in a moment")


def alter(page: Page, file: Path) -> None:
    """Give a page another content than that of a file."""
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    page.route(f"**/{file.name}", lambda route: route.fulfill(body=bytes(content)))


def test_the_program_serves_the_offline_app(
    browser: Browser, app: Path, predictor: Predictor, tmp_path: Path
) -> None:
    """As `serve --page build/offline` does, with its headers: the page reads by itself, and shows how."""
    server = create_app(predictor, corrections=tmp_path / "corrections", page=app)
    with open_context(browser) as context, running(server) as client:
        page = context.new_page()
        page.goto(str(client.base_url))
        draw(page, SEVEN)
        expect(page.locator("#verdict")).to_have_text("This is a 7")
        page.get_by_role("link", name="Inside", exact=True).click()
        expect(page.get_by_role("heading", name="Hard cases")).to_be_visible()
