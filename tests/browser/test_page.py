"""The page with the browser's own engine: drawing, pictures, corrections, by mouse, by keys, and to whom."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from number_prediction.datasets.load import load_evaluation_split
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from tests.browser.conftest import open_context
from tests.browser.offline_app import hold, photograph_digits, read_in_browser, serve, visit
from tests.browser.pen import draw, wait_for_answer, write_digit

pytestmark = pytest.mark.browser

BLOCKED = "Service Worker registration blocked by Playwright"
SEVEN, FOUR = write_digit(7), write_digit(4)
FORTY_TWO = [*write_digit(4, right=0.1), *write_digit(2, right=1)]
LETTER = [[(1.3, 0.02), (0.7, 0.02), (0.7, 0.9), (1.3, 0.9)], [(0.7, 0.45), (1.2, 0.45)]]
"""An E, as large as the canvas."""
SIZES = {"wide": (1440, 900), "tablet": (768, 1024), "narrow": (320, 640)}


@pytest.fixture(scope="module")
def address(app: Path) -> Iterator[str]:
    with serve(app) as served:
        yield served.url


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    with open_context(browser, viewport={"width": 1280, "height": 900}, service_workers="block") as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The page, ready to read; at the end it may not have complained or asked for anything from elsewhere."""
    with open_page(context, address) as page:
        visit(page, address)
        yield page


@contextmanager
def open_page(context: BrowserContext, address: str) -> Iterator[Page]:
    """An empty page that is watched."""
    complaints: list[str] = []
    page = context.new_page()
    watch(page, address, complaints)
    page.add_init_script("localStorage.clear()")
    yield page
    page.close()
    assert complaints == []


def watch(page: Page, address: str, complaints: list[str]) -> None:
    page.on(
        "console",
        lambda message: None if message.text == BLOCKED else complaints.append(f"console: {message.text}"),
    )
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((address, "blob:", "data:")) else complaints.append(request.url)
        ),
    )


def verdict(page: Page) -> Locator:
    return page.locator("#verdict")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def encode(page: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(page).save(stream, "PNG")
    return stream.getvalue()


def handed(content: bytes, name: str = "picture.png", media_type: str = "image/png") -> dict[str, object]:
    return {"name": name, "mimeType": media_type, "buffer": content}


@pytest.fixture(scope="module")
def three(mnist: Splits) -> bytes:
    """A PNG of a 3 in the left half of a page and a 5 in the right one."""
    test = mnist.test
    left, right = (int(np.flatnonzero(test.labels == label)[0]) for label in (3, 5))
    ink = np.zeros((120, 240), np.uint8)
    ink[20:104, 18:102], ink[20:104, 138:222] = (
        np.kron(test.images[i], np.ones((3, 3))) for i in (left, right)
    )
    return encode(255 - ink)


def test_a_drawn_seven_is_read(page: Page) -> None:
    expect(verdict(page)).to_have_text("Nothing written yet")
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    bars = page.get_by_role("list", name="Probabilities").get_by_role("listitem")
    assert [text[0] for text in bars.all_text_contents()] == [*"0123456789"]
    assert bars.nth(7).inner_text().endswith("%")
    assert page.locator(".winner").inner_text().startswith("7")
    expect(page.get_by_role("status")).to_contain_text("This is a 7")
    expect(page.get_by_role("heading", name="What the model saw")).to_be_visible()
    chip = page.get_by_role("list", name="Digits in the picture").get_by_role("button")
    expect(chip).to_have_text("7")
    box, canvas = page.locator("#boxes li").bounding_box(), page.locator("#canvas").bounding_box()
    assert box is not None
    assert canvas is not None
    middle = canvas["x"] + canvas["height"] * 0.99, canvas["y"] + canvas["height"] * 0.5
    assert box["x"] + box["width"] / 2 == pytest.approx(middle[0], abs=canvas["height"] * 0.1)
    assert box["y"] + box["height"] / 2 == pytest.approx(middle[1], abs=canvas["height"] * 0.1)


def test_the_answer_comes_while_the_pen_is_down(page: Page) -> None:
    canvas = page.locator("#canvas").bounding_box()
    assert canvas is not None
    (x, y), *rest = [
        (canvas["x"] + canvas["height"] * a, canvas["y"] + canvas["height"] * b) for a, b in SEVEN[0]
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=5)
    expect(verdict(page)).to_contain_text("7")
    page.keyboard.press("Control+z")  # the pen is not done yet
    page.mouse.up()
    expect(button(page, "Undo")).to_be_enabled()
    button(page, "Undo").click()
    expect(verdict(page)).to_have_text("Nothing written yet")
    assert not page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value, index) => value !== data[index % 4]);
        }"""
    )


def test_undo_redo_clear_and_eraser(page: Page) -> None:
    assert [button(page, name).is_enabled() for name in ("Undo", "Redo", "Clear")] == [False] * 3
    draw(page, FOUR)
    expect(verdict(page)).to_have_text("This is a 4")
    button(page, "Undo").click()
    expect(verdict(page)).not_to_have_text("This is a 4")
    page.keyboard.press("Control+y")
    expect(verdict(page)).to_have_text("This is a 4")
    button(page, "Clear").click()
    expect(verdict(page)).to_have_text("Nothing written yet")
    page.keyboard.press("Control+z")
    expect(verdict(page)).to_have_text("This is a 4")
    page.keyboard.press("Control+Shift+z")
    expect(verdict(page)).to_have_text("Nothing written yet")
    button(page, "Undo").click()
    button(page, "Eraser").click()
    expect(button(page, "Eraser")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("slider", name="Pen width").fill("34")
    draw(page, [[(0.4, 0.05 + 0.1 * row), (1.6, 0.05 + 0.1 * row)] for row in range(10)])
    expect(verdict(page)).to_have_text("No writing found")
    expect(button(page, "Redo")).to_be_disabled()


def test_a_finger_draws_and_a_lost_one_leaves_nothing(page: Page) -> None:
    send = """(canvas, [types, points]) => {
        const box = canvas.getBoundingClientRect();
        types.forEach((type, index) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId: 1, pointerType: "touch", isPrimary: true, bubbles: true, buttons: 1,
            clientX: box.x + box.height * points[index][0], clientY: box.y + box.height * points[index][1],
        })));
    }"""
    canvas = page.locator("#canvas")
    canvas.evaluate("(canvas) => (canvas.setPointerCapture = () => {})")  # no such pointer really is there
    assert canvas.evaluate("(canvas) => getComputedStyle(canvas).touchAction") == "none"
    points = [(0.5 + x, y) for x, y in FOUR[0]]
    canvas.evaluate(send, [["pointerdown", "pointermove", "pointercancel"], points])
    expect(button(page, "Undo")).to_be_disabled()
    for stroke in SEVEN:
        types = ["pointerdown", *["pointermove"] * (len(stroke) - 1), "pointerup"]
        canvas.evaluate(send, [types, [*stroke, stroke[-1]]])
    expect(verdict(page)).to_have_text("This is a 7")


def test_a_number_has_a_box_on_each_digit(page: Page) -> None:
    draw(page, FORTY_TWO)
    expect(verdict(page)).to_have_text("This is 42")
    expect(page.locator("#boxes li")).to_have_count(2)
    page.get_by_role("link", name="Inside", exact=True).click()
    expect(page.get_by_text("Another network read your drawing as a number.")).to_be_visible()


def test_digits_can_be_read_before_numbers(context: BrowserContext, address: str) -> None:
    """What was drawn is read again then; what was said of something else stays."""
    with open_page(context, address) as page:
        held = hold(page, "**/number.onnx")
        with page.expect_request("**/number.onnx"):
            page.goto(address)
        foot, soon = page.get_by_role("contentinfo"), "Numbers of several digits can be read in a moment."
        expect(foot).to_contain_text(soon)
        draw(page, FORTY_TWO)
        expect(verdict(page)).to_have_text("Not a digit")
        expect(page.get_by_role("list", name="Warnings")).to_contain_text(soon)
        page.get_by_label("Open a picture").set_input_files(handed(b"words", media_type="text/plain"))  # type: ignore[arg-type]
        expect(page.get_by_role("alert")).to_contain_text("This file is not a picture")
        held[0].continue_()
        expect(foot).not_to_contain_text(soon)
        wait_for_answer(page)
        expect(verdict(page)).to_have_text("This is 42")
        expect(page.get_by_role("alert")).to_contain_text("This file is not a picture")
        draw(page, SEVEN)
        expect(page.get_by_role("alert")).to_be_hidden()


def test_what_is_no_digit_is_said_to_be_none(page: Page) -> None:
    draw(page, LETTER)
    expect(verdict(page)).to_have_text("Not a digit")
    page.get_by_label("Language").select_option("de")
    expect(verdict(page)).to_have_text("Keine Ziffer")
    assert page.locator("html").get_attribute("lang") == "de"


def test_a_digit_that_is_cut_off_is_warned_about_in_both_languages(page: Page, mnist: Splits) -> None:
    seven = 255 - np.asarray(Image.fromarray(mnist.test.images[0]).resize((140, 140)))
    foot = int(np.flatnonzero((seven < 128).any(1))[-1]) - 6
    content = io.BytesIO()
    Image.fromarray(seven[:foot]).save(content, "PNG")
    page.get_by_label("Open a picture").set_input_files(handed(content.getvalue()))  # type: ignore[arg-type]
    expect(verdict(page)).to_have_text("This is a 7")
    expect(page.get_by_role("list", name="Warnings")).to_contain_text("Touches the edge")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("list", name="Warnungen")).to_contain_text("Berührt den Bildrand")


def test_a_picture_is_read_as_python_reads_it(page: Page, predictor: Predictor, mnist: Splits) -> None:
    for photograph in photograph_digits(mnist.test, 3):
        answer = predictor.predict_digits([photograph.content])[0]
        page.get_by_label("Open a picture").set_input_files(
            handed(photograph.content, media_type=photograph.media_type)  # type: ignore[arg-type]
        )
        expect(page.locator("#big")).to_have_text(str(answer.text))
        expect(page.locator(".winner")).to_contain_text(f"{min(99.9, 100 * answer.confidence):.1f}"[:3])
    button(page, "Back to drawing").click()
    expect(verdict(page)).to_have_text("Nothing written yet")


def test_a_part_of_a_picture_is_read(page: Page, three: bytes) -> None:
    page.get_by_label("Open a picture").set_input_files(handed(three))  # type: ignore[arg-type]
    expect(verdict(page)).to_have_text("This is 35")
    button(page, "Crop").click()
    expect(page.get_by_role("button", name="Upper left corner")).to_be_focused()
    page.keyboard.press("Tab")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    button(page, "Read this part").click()
    expect(verdict(page)).to_have_text("This is a 3")
    page.get_by_label("Open a picture").set_input_files(handed(three))  # type: ignore[arg-type]
    expect(verdict(page)).to_have_text("This is 35")
    button(page, "Crop").click()
    area = page.locator("#crop").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.55, area["y"] + area["height"] * 0.02)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.98, area["y"] + area["height"] * 0.98, steps=3)
    page.mouse.up()
    button(page, "Read this part").click()
    expect(verdict(page)).to_have_text(re.compile("^(This is a|Not sure:) 5"))


def test_of_two_pictures_the_one_that_was_opened_last_is_read(
    page: Page, mnist: Splits, three: bytes
) -> None:
    """Also where the first one takes longer to decode."""
    page.evaluate(
        """() => {
            const decode = self.createImageBitmap;
            self.createImageBitmap = (...values) => {
                self.createImageBitmap = decode;
                const isWanted = new Promise((resolve) => (self.goOn = resolve));
                return (self.slow = isWanted.then(() => decode(...values)));
            };
        }"""
    )
    first = photograph_digits(mnist.test, 1)[0].content
    page.get_by_label("Open a picture").set_input_files(handed(first))  # type: ignore[arg-type]
    page.wait_for_function("() => Boolean(self.slow)")
    page.get_by_label("Open a picture").set_input_files(handed(three))  # type: ignore[arg-type]
    expect(verdict(page)).to_have_text("This is 35")
    page.evaluate("async () => { self.goOn(); await self.slow; }")
    wait_for_answer(page)
    expect(verdict(page)).to_have_text("This is 35")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(page: Page, mnist: Splits, way: str) -> None:
    content = photograph_digits(mnist.test, 1)[0].content
    page.get_by_role("link", name="Corrections").click()
    page.evaluate(
        """([way, content]) => {
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "picture.png", { type: "image/png" }));
            const event = way === "paste"
                ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
                : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [way, base64.b64encode(content).decode()],
    )
    expect(verdict(page)).to_be_visible()
    expect(verdict(page)).to_have_text(f"This is a {mnist.test.labels[0]}")


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (b"no picture at all", "image/png", "This picture cannot be read."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "This picture cannot be read."),
        (b"words", "text/plain", "This file is not a picture"),
        (b"\0" * (64 * 2**20 + 1), "image/png", "the limit is 64 MB"),
        ("large", "image/png", "has 56 megapixels; the limit is 50 megapixels"),
    ],
    ids=["noise", "svg", "text", "heavy", "large"],
)
def test_what_cannot_be_read_is_said_and_the_rest_goes_on(
    page: Page, tmp_path: Path, content: bytes | str, media_type: str, words: str
) -> None:
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    if content == "large":
        Image.new("1", (8_000, 7_000)).save(tmp_path / "picture.png")
        content = (tmp_path / "picture.png").read_bytes()
    assert isinstance(content, bytes)
    path = tmp_path / f"picture.{media_type.partition('/')[2].partition('+')[0].replace('plain', 'txt')}"
    path.write_bytes(content)
    page.get_by_label("Open a picture").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(verdict(page)).to_have_text("This is a 7")


def test_corrections_are_kept_listed_exported_and_deleted(page: Page, tmp_path: Path) -> None:
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    page.keyboard.press("1")  # the canvas has the focus
    expect(verdict(page)).to_have_text("You say: 1")
    button(page, "No").click()
    expect(verdict(page)).to_have_text("This is a 7")
    for key, name in (("4", "4"), ("n", "no digit"), ("7", "7")):
        page.locator("#canvas").focus()
        page.keyboard.press(key)
        expect(page.get_by_text(f"Keep this picture as “{name}”?")).to_be_visible()
        expect(button(page, "Keep the picture")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Kept. You can find it under Corrections.").first).to_be_visible()
    page.get_by_role("link", name="Corrections").click()
    items = page.get_by_role("main").get_by_role("listitem")
    expect(items).to_have_count(3)
    expect(items.first).to_contain_text("It is 7")
    expect(items.last).to_contain_text("read as 7")
    page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    with page.expect_download() as download:
        button(page, "Download all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "corrections.jsonl").read_text().splitlines()]
    assert [(line["label"], line["prediction"]["text"]) for line in lines] == [
        ("4", "7"),
        ("none", "7"),
        ("7", "7"),
    ]
    assert all(len(line["strokes"]) == len(SEVEN) for line in lines)
    assert len({line["model_sha256"] for line in lines}) == 1
    split = load_evaluation_split(str(tmp_path), "train", divided=False)
    assert split.classes == ("4", "7", "none")
    assert [(tmp_path / line["file"]).is_file() for line in lines] == [True] * 3
    answers = Predictor().predict_digits(split.images)
    assert [answer.text for answer in answers] == ["7"] * 3
    page.get_by_role("button", name=re.compile("Delete the picture of no digit")).click()
    expect(items).to_have_count(2)
    for answer, left in (("Keep", 2), ("Delete", 0)):
        button(page, "Delete all").click()
        button(page, answer).click()
        expect(items).to_have_count(left)
    expect(page.get_by_text("None yet.")).to_be_visible()
    expect(button(page, "Download all")).to_be_disabled()


def test_by_keyboard_alone(page: Page, mnist: Splits) -> None:
    """From the top of the page to a picture, its correction, and its deletion; no key but these."""

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => {
                    const { labels, ariaLabel, textContent } = document.activeElement;
                    return (ariaLabel ?? labels?.[0]?.textContent ?? textContent).trim();
                }"""
            )
            if focused.startswith(name):
                return
        pytest.fail(f"{name} cannot be reached")

    page.on("filechooser", lambda _: None)  # from now on Playwright takes them, not only when one is awaited
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to("Open a picture")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    photograph = photograph_digits(mnist.test, 1)[0]
    chooser.value.set_files(handed(photograph.content))  # type: ignore[arg-type]
    expect(verdict(page)).to_have_text(f"This is a {mnist.test.labels[0]}")
    tab_to("7, ")
    page.keyboard.press("Enter")
    expect(button(page, "0")).to_be_focused()
    page.keyboard.press("3")
    expect(button(page, "Keep the picture")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_text("Kept. You can find it").first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("() => document.activeElement.hash") == "#kept":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("main", name="Your corrections")).to_be_focused()
    expect(page.get_by_text("1 correction, in this browser only.")).to_be_visible()
    tab_to("Delete the picture of 3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("None yet.")).to_be_visible()


def test_single_keys_do_nothing_where_no_digit_is_looked_at(page: Page) -> None:
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    page.get_by_label("Language").focus()
    page.keyboard.press("4")
    page.get_by_role("link", name="Read").focus()
    page.keyboard.press("4")
    expect(verdict(page)).to_have_text("This is a 7")


def test_inside_shows_layers_neighbours_and_hard_cases(page: Page, mnist: Splits) -> None:
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    page.get_by_role("link", name="Inside", exact=True).click()
    expect(page.get_by_role("heading", name="Nearest training digits")).to_be_visible()
    layers = page.get_by_role("heading", level=3).all_text_contents()
    assert layers[0] == "The frame"
    assert layers[1].startswith("Layer 1: 40 maps of ")
    assert layers[-1] == "The answer"
    near = page.locator("#learn ol.tiles-list > li")
    labels = near.locator(".label").all_inner_texts()
    assert len(labels) == 12
    assert labels.count("7") >= 9
    names = [image.get_attribute("aria-label") or "" for image in near.get_by_role("img").all()]
    for name, label in zip(names, labels, strict=True):
        index = int(re.findall(r"no\. (\d+)", name)[0])
        assert str(mnist.train.labels[index]) == label
    case = page.get_by_role("button", name=re.compile(r"Labelled \d, read as (\d), "))
    read_as = re.findall(r"read as (\d)", case.first.get_attribute("aria-label") or "")[0]
    case.first.click()
    expect(page.locator("#big")).to_have_text(read_as)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_accessible_and_fits(browser: Browser, address: str, theme: str, size: str) -> None:
    """Axe finds nothing (WCAG 2.2 AA) in any view, nothing hangs over the side, targets are large enough."""
    width, height = SIZES[size]
    with open_context(
        browser,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        service_workers="block",
        bypass_csp=True,  # axe is put into the page
    ) as context:
        check_views(context.new_page(), address, width)


def check_views(page: Page, address: str, width: int) -> None:
    visit(page, address)
    draw(page, SEVEN)
    expect(verdict(page)).to_have_text("This is a 7")
    page.keyboard.press("4")
    check_access(page, width)
    button(page, "Keep the picture").click()
    page.get_by_role("link", name="Corrections").click()
    expect(page.get_by_text("It is 4")).to_be_visible()
    check_access(page, width)
    page.get_by_role("link", name="Inside", exact=True).click()
    expect(page.get_by_role("heading", name="Hard cases")).to_be_visible()
    check_access(page, width)
    page.get_by_role("combobox").select_option("de")
    expect(page.get_by_role("link", name="Korrekturen")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.locator(".fill").first.evaluate("(fill) => getComputedStyle(fill).transitionDuration") == "0s"


def check_access(page: Page, width: int) -> None:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    violations = [
        (each["id"], node["html"]) for each in found.response["violations"] for node in each["nodes"]
    ]
    assert violations == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    small = page.locator("button:visible, select:visible, nav a:visible, .button:visible").evaluate_all(
        """(targets) => targets.filter((target) => {
            const { width, height } = target.getBoundingClientRect();
            return width < 24 || height < 24;
        }).map((target) => target.outerHTML)"""
    )
    assert small == []


def test_python_and_the_browser_agree(
    browser: Browser, address: str, predictor: Predictor, mnist: Splits
) -> None:
    """Of benchmarks/browser_parity.py the first pictures, in all formats."""
    from number_prediction.images.decode import to_page

    photographs = photograph_digits(mnist.test, 30)
    pages = [to_page(each.content) for each in photographs]
    with open_context(browser, bypass_csp=True, service_workers="block") as context:
        page = context.new_page()
        page.goto(address)
        answers = read_in_browser(page, photographs, pages)
    for photograph, answer, expected in zip(
        photographs, answers, predictor.predict_digits(pages), strict=True
    ):
        assert answer["text"] == expected.text, photograph.kind
        assert answer["probabilities"] == pytest.approx(expected.probabilities.tolist(), abs=1e-3), (
            photograph.kind
        )
        assert answer["isDigit"] == pytest.approx(expected.is_digit, abs=1e-3)
        assert answer["warnings"] == list(expected.warnings)
        assert answer["difference"] <= (
            0 if photograph.is_lossless and "transparent" not in photograph.kind else 2
        )
