"""The error explorer of the report in a real browser: what it shows, by mouse, by keyboard, and to whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from number_prediction.datasets.split import Splits
from number_prediction.reports.evaluation import write_report
from tests.browser.conftest import WIDE, Open
from tests.helpers.fabricated import Fabricated, fabricate

pytestmark = pytest.mark.browser

CHUNK = 60
PHONE, NARROW = (375, 812), (320, 700)
DIGITS = tuple("0123456789")
NAMED = {
    "two": ("<i>nought</i>", "one & all"),
    "twelve": (*DIGITS, "plus", "minus"),
    "fourteen": tuple(f"a long name {number}" for number in range(14)),
}
Report = tuple[Path, Fabricated]


@pytest.fixture(scope="module")
def report(mnist: Splits, tmp_path_factory: pytest.TempPathFactory) -> Report:
    made = fabricate(mnist.test, mnist.train, DIGITS)
    return write_report(made.evaluation, tmp_path_factory.mktemp("digits"), explorer=made.explorer), made


@pytest.fixture(scope="module")
def named_reports(mnist: Splits, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    reports = {}
    for key, classes in NAMED.items():
        made = fabricate(mnist.test, mnist.train, classes, count=60)
        folder = tmp_path_factory.mktemp(key)
        reports[key] = write_report(made.evaluation, folder, explorer=made.explorer), made
    return reports


@pytest.fixture
def page(open_file: Open, report: Report) -> Page:
    return open_file(report[0])


def tiles(page: Page) -> Locator:
    return page.locator("#explorer-tiles button")


def numbers(page: Page) -> list[int]:
    """Numbers of the pictures that are shown, in their order."""
    return [int(text.split(":")[0].removeprefix("No. ")) for text in tiles(page).all_text_contents()]


def status(page: Page) -> str:
    return page.get_by_role("status").inner_text()


def detail(page: Page) -> Locator:
    return page.locator("#explorer-detail")


def cell(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name="Confusion matrix").get_by_role("button", name=name)


def show_all(page: Page) -> None:
    while page.locator("#explorer-more").is_visible():
        page.locator("#explorer-more").click()


def pixels(canvas: Locator) -> NDArray[np.uint8]:
    """(28, 28, 4) what a canvas holds, once it is drawn; read from a copy, which leaves it as it is."""
    values = canvas.page.wait_for_function(
        """canvas => {
            const copy = new OffscreenCanvas(28, 28).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const values = [...copy.getImageData(0, 0, 28, 28).data];
            return values.some((value) => value > 0) && values;
        }""",
        arg=canvas.element_handle(),
    ).json_value()
    return np.array(values, np.uint8).reshape(28, 28, 4)


def expected(made: Fabricated, which: str, label: int | None, predicted: int | None, order: str) -> list[int]:
    """Numbers of the pictures that such a choice should show."""
    data = made.explorer
    chosen = {
        "errors": data.label != data.predicted,
        "all": data.label >= 0,
        "suspects": data.suggested >= 0,
    }[which]
    if label is not None:
        chosen = chosen & (data.label == label)
    if predicted is not None:
        chosen = chosen & (data.predicted == predicted)
    confidence = np.asarray(data.probabilities).max(1)
    key = {"falling": -confidence, "rising": confidence, "index": data.index, "suspicion": data.suspicion}[
        order
    ]
    positions = np.flatnonzero(chosen)
    return np.asarray(data.index)[positions[np.argsort(key[positions], kind="stable")]].tolist()


def test_it_begins_with_the_errors_most_confident_first(page: Page, report: Report) -> None:
    made = report[1]
    errors = made.evaluation.errors.tolist()
    assert len(errors) > CHUNK
    assert numbers(page) == errors[:CHUNK]
    assert status(page) == f"{CHUNK} of {len(errors)} pictures: errors, the most confident first."
    for place in (0, 1, CHUNK - 1):
        drawn = pixels(tiles(page).nth(place).locator("canvas"))
        assert (drawn[..., :3] == 255 - made.evaluation.frames[errors[place]][..., None]).all()


def test_the_matrix_is_a_table_that_says_what_was_counted(page: Page, report: Report) -> None:
    confusion, abstained = report[1].evaluation.confusion, report[1].explorer.abstained
    rows = page.get_by_role("table", name="Confusion matrix").locator("tbody tr")
    for label in range(10):
        texts = rows.nth(label).locator("td").all_inner_texts()
        assert [int(text) for text in texts] == [*confusion[label], abstained[label]]
        assert rows.nth(label).get_by_role("button").count() == sum(text != "0" for text in texts)
    assert page.get_by_role("columnheader", name="none").count() == 1


@pytest.mark.parametrize("cell_of", ["an error", "the diagonal", "an abstention"])
def test_a_cell_shows_exactly_its_pictures(page: Page, report: Report, cell_of: str) -> None:
    made = report[1]
    confusion = made.evaluation.confusion
    if cell_of == "an error":
        errors = confusion - np.diag(np.diag(confusion))
        label, predicted = (int(place) for place in np.unravel_index(errors.argmax(), errors.shape))
        count, answer = int(errors.max()), str(predicted)
    elif cell_of == "the diagonal":
        label = predicted = int(np.diag(confusion).argmax())
        count, answer = int(confusion[label, label]), str(label)
    else:
        label, predicted = int(np.asarray(made.explorer.abstained).argmax()), -1
        count, answer = int(made.explorer.abstained[label]), "none"
    noun = "picture" if count == 1 else "pictures"
    button = cell(page, f"{label} read as {answer}: {count} {noun}")
    button.click()
    wanted = expected(made, "all", label, predicted, "falling")
    assert numbers(page) == wanted
    assert set(made.evaluation.labels[wanted]) == {label}
    assert {made.evaluation.answer(index) for index in wanted} == {answer}
    words = status(page)
    assert words.startswith(f"{len(wanted)} of {len(wanted)} picture")
    assert f": {label} read as {answer}, the most confident first." in words
    if cell_of == "the diagonal":
        assert f"The page holds {len(wanted)} of {count}" in words
    else:
        assert len(wanted) == count
        assert "holds" not in words
    assert button.get_attribute("aria-pressed") == "true"
    expect(page.get_by_role("heading", name="Pictures", exact=True)).to_be_focused()


def test_the_common_errors_lead_to_their_pictures(page: Page, report: Report) -> None:
    confusion = report[1].evaluation.confusion
    first = page.locator("#explorer-common button").first
    words = first.locator("span").inner_text()
    count = int(first.locator("b").inner_text())
    assert count == (confusion - np.diag(np.diag(confusion))).max()
    first.click()
    assert status(page) == f"{count} of {count} pictures: {words}, the most confident first."


@pytest.mark.parametrize(
    ("which", "label", "predicted", "order"),
    [
        ("errors", 4, None, "falling"),
        ("errors", None, 9, "rising"),
        ("errors", None, -1, "falling"),
        ("all", None, None, "index"),
        ("all", 7, 7, "rising"),
        ("all", None, 3, "suspicion"),
        ("suspects", None, None, "suspicion"),
        ("suspects", None, None, "falling"),
        ("errors", 5, 5, "falling"),
    ],
)
def test_filters_and_order(
    page: Page, report: Report, which: str, label: int | None, predicted: int | None, order: str
) -> None:
    page.get_by_role(
        "radio", name={"errors": "Errors", "all": "All", "suspects": "Suspicious"}[which]
    ).check()
    if which == "suspects":
        expect(page.get_by_role("combobox", name="Order")).to_have_value("suspicion")
    page.get_by_role("combobox", name="Label").select_option("" if label is None else str(label))
    page.get_by_role("combobox", name="Read as").select_option("" if predicted is None else str(predicted))
    page.get_by_role("combobox", name="Order").select_option(order)
    show_all(page)
    wanted = expected(report[1], which, label, predicted, order)
    assert numbers(page) == wanted
    assert status(page).startswith(
        f"{len(wanted)} of {len(wanted)} picture" if wanted else "No pictures: errors"
    )
    page.get_by_role("button", name="Reset").click()
    assert numbers(page) == report[1].evaluation.errors.tolist()[:CHUNK]


def test_the_detail_follows_the_choice(page: Page, report: Report) -> None:
    made = report[1]
    position, number = page.locator("#explorer-position"), detail(page).locator("dd").last
    everything = expected(made, "all", None, None, "falling")
    errors = expected(made, "errors", None, None, "falling")
    for place, stays in ((5, True), (CHUNK - 1, False)):
        page.get_by_role("button", name="Reset").click()
        tiles(page).nth(place).click()
        page.get_by_role("radio", name="All").check()
        assert (everything.index(errors[place]) < CHUNK) == stays
        shown = errors[place] if stays else everything[0]
        expect(number).to_have_text(str(shown))
        expect(position).to_have_text(f"{everything.index(shown) + 1} of {len(everything)}")
        assert tiles(page).count() == CHUNK
        expect(page.locator("#explorer-tiles [aria-current]")).to_contain_text(f"No. {shown}:")
    page.get_by_role("combobox", name="Label").select_option("5")
    page.get_by_role("combobox", name="Read as").select_option("4")
    expect(page.get_by_role("status")).to_have_text("No pictures: 5 read as 4.")
    expect(detail(page)).to_be_hidden()
    expect(page.get_by_text("Choose a picture")).to_be_visible()


def test_show_more_adds_a_chunk_and_goes_on_from_there(page: Page, report: Report) -> None:
    page.get_by_role("radio", name="All").check()
    wanted = expected(report[1], "all", None, None, "falling")
    for begin in range(CHUNK, len(wanted), CHUNK):
        size = min(CHUNK, len(wanted) - begin)
        page.get_by_role("button", name=f"Show {size} more", exact=True).click()
        assert numbers(page) == wanted[: begin + size]
        assert status(page).startswith(f"{begin + size} of {len(wanted)} pictures, the most confident first.")
        expect(tiles(page).nth(begin)).to_be_focused()
    expect(page.locator("#explorer-more")).to_be_hidden()


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_detail_says_all_of_a_picture(
    open_file: Open, report: Report, mnist: Splits, size: tuple[int, int]
) -> None:
    path, made = report
    page = open_file(path, size)
    data, place = made.explorer, 3
    index, label, predicted = (int(values[place]) for values in (data.index, data.label, data.predicted))
    tiles(page).nth(place).click()
    panel = detail(page)
    expect(panel.get_by_role("heading", name=f"{label} read as {predicted}")).to_be_focused()
    confidence = f"{data.probabilities[place].max() / 100:.2f}%"
    facts = dict(
        zip(panel.locator("dt").all_inner_texts(), panel.locator("dd").all_inner_texts(), strict=True)
    )
    assert facts == {
        "Label": str(label),
        "Answer": str(predicted),
        "Confidence": confidence,
        "Number in the data": str(index),
    }
    assert f"rank {data.suspicion[place]} of 400; not suspected." in panel.inner_text()
    bars = panel.get_by_role("list", name="Probabilities").get_by_role("listitem").all_text_contents()
    shares = [f"{share / 100:.2f}%" for share in data.probabilities[place]]
    roles = {label: " label", predicted: " answer"}
    assert bars == [f"{number}{roles.get(number, '')}{share}" for number, share in enumerate(shares)]
    drawn = pixels(panel.get_by_role("img", name=f"Picture no. {index} as the network saw it"))
    assert (drawn[..., :3] == 255 - made.evaluation.frames[index][..., None]).all()
    near = panel.locator(".near li")
    labels, indices = data.neighbours.label[place], data.neighbours.index[place]
    assert near.all_text_contents() == [f"{a}no. {b}" for a, b in zip(labels, indices, strict=True)]
    for rank in range(6):
        drawn = pixels(near.nth(rank).locator("canvas"))
        assert (drawn[..., :3] == 255 - mnist.train.images[indices[rank]][..., None]).all()


def test_a_suspected_label_is_said_to_be_so(page: Page, report: Report) -> None:
    data = report[1].explorer
    page.get_by_role("radio", name="Suspicious labels").check()
    first = int(np.argmin(data.suspicion))
    assert tiles(page).first.inner_text().endswith("label suspected")
    tiles(page).first.click()
    words = detail(page).inner_text()
    assert (
        f"rank {data.suspicion[first]} of 400; confident learning suggests {data.suggested[first]}." in words
    )


def test_an_abstention_is_named(page: Page) -> None:
    page.get_by_role("combobox", name="Read as").select_option("none")
    tiles(page).first.click()
    words = detail(page).inner_text()
    assert "none: not a digit" in words
    assert "Most probable" in words
    assert "Confidence" not in words


def test_overlays_are_laid_over_the_picture_and_stay_chosen(page: Page, report: Report) -> None:
    made = report[1]
    overlay = detail(page).locator("canvas[data-overlay]")
    tiles(page).nth(2).click()
    assert overlay.count() == 0
    for number, name in enumerate(("occlusion", "gradient")):
        page.get_by_role("button", name=name).click()
        assert (pixels(overlay) == made.overlays[number, 2]).all()
        assert f"What {name} shows." in detail(page).inner_text()
        assert page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Next picture").click()
    assert (pixels(overlay) == made.overlays[1, 3]).all()
    page.get_by_role("button", name="Picture", exact=True).click()
    assert overlay.count() == 0
    assert "shows." not in detail(page).inner_text()


def test_a_picture_without_details_says_who_has_them(page: Page, report: Report) -> None:
    page.get_by_role("radio", name="All").check()
    page.get_by_role("combobox", name="Order").select_option("index")
    data = report[1].explorer
    without = np.setdiff1d(np.arange(len(data.index)), data.detailed)
    place = numbers(page).index(int(data.index[without[0]]))
    reason = "only errors and the least certain answers have them"
    tiles(page).nth(place).click()
    assert reason in detail(page).inner_text()
    assert "Nearest training pictures" not in detail(page).inner_text()
    expect(page.get_by_role("button", name="occlusion")).to_be_hidden()
    shown = numbers(page)
    detailed = next(number for number in shown if number in data.index[data.detailed])
    tiles(page).nth(shown.index(detailed)).click()
    assert reason not in detail(page).inner_text()


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_stepping_through_the_pictures(open_file: Open, report: Report, size: tuple[int, int]) -> None:
    page = open_file(report[0], size)
    count = len(report[1].evaluation.errors)
    position = page.locator("#explorer-position")
    previous, following = (
        page.get_by_role("button", name=f"{word} picture") for word in ("Previous", "Next")
    )
    tiles(page).nth(CHUNK - 2).click()
    following.click()
    page.keyboard.press("ArrowRight")
    expect(position).to_have_text(f"{CHUNK + 1} of {count}")
    assert tiles(page).count() > CHUNK
    page.keyboard.press("ArrowLeft")
    previous.click()
    expect(position).to_have_text(f"{CHUNK - 1} of {count}")
    page.get_by_role("button", name="Close").click()
    expect(tiles(page).nth(CHUNK - 2)).to_be_focused()
    expect(detail(page)).to_be_hidden()
    tiles(page).first.click()
    assert previous.get_attribute("aria-disabled") == "true"
    page.keyboard.press("ArrowLeft")
    expect(position).to_have_text(f"1 of {count}")


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_by_keyboard_from_the_matrix_to_a_detail_and_back(
    open_file: Open, report: Report, size: tuple[int, int]
) -> None:
    page = open_file(report[0], size)

    def focused() -> Locator:
        return page.locator(":focus")

    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the pictures")).to_be_focused()
    page.keyboard.press("Tab")
    assert focused().get_attribute("aria-label").startswith("0 read as 0: ")
    page.keyboard.press("ArrowRight")
    assert focused().get_attribute("aria-label").startswith("0 read as 1: ")
    page.keyboard.press("Enter")
    assert "0 read as 1" in status(page)
    count = tiles(page).count()
    assert count > 2
    for _ in range(6):
        page.keyboard.press("Tab")
    expect(tiles(page).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tiles(page).nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(tiles(page).last).to_be_focused()
    page.keyboard.press("Home")
    assert focused().evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#explorer-title")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#explorer-position")).to_have_text(f"2 of {count}")
    page.keyboard.press("Escape")
    expect(tiles(page).nth(1)).to_be_focused()
    expect(detail(page)).to_be_hidden()
    page.keyboard.press("Escape")
    assert focused().get_attribute("aria-label").startswith("0 read as 1: ")


def test_arrow_keys_move_by_rows_and_columns(page: Page) -> None:
    tops = [box["y"] for box in (tiles(page).nth(place).bounding_box() for place in range(10)) if box]
    in_row = tops.count(tops[0])
    assert in_row > 1
    tiles(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(tiles(page).nth(in_row)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(tiles(page).first).to_be_focused()


def test_the_detail_moves_when_the_window_changes(page: Page) -> None:
    tiles(page).nth(4).click()
    page.set_viewport_size({"width": 600, "height": 800})
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#explorer-title")).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(detail(page)).to_be_visible()
    expect(page.locator("#explorer-position")).to_contain_text("5 of")


def test_the_detail_moves_although_the_browser_took_the_focus(page: Page) -> None:
    """As it may where the detail has no room any more, before it tells the page so."""
    tiles(page).nth(4).click()
    page.evaluate("() => addEventListener('resize', () => document.activeElement.blur())")
    page.set_viewport_size({"width": 600, "height": 800})
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#explorer-title")).to_be_focused()
    page.get_by_role("button", name="Close").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_text("Choose a picture")).to_be_visible()


def test_a_detail_that_is_opened_as_the_last_one_closes_stays(open_file: Open, report: Report) -> None:
    page = open_file(report[0], PHONE)
    tiles(page).first.click()
    page.evaluate(
        """() => new Promise((resolve) => {
            document.getElementById("explorer-dialog").addEventListener("close", resolve);
            document.getElementById("explorer-close").click();
            document.querySelectorAll("#explorer-tiles button")[1].click();
        })"""
    )
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#explorer-position")).to_contain_text("2 of")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_nothing_serious(
    open_file: Open, report: Report, size: tuple[int, int], theme: str
) -> None:
    page = open_file(report[0], size, theme=theme)

    def findings() -> list[str]:
        violations = Axe().run(page).response["violations"]
        return [
            f"{violation['id']}: {node['target']}"
            for violation in violations
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    assert findings() == []
    page.locator(".matrix .wrong button").first.click()
    tiles(page).first.click()
    page.get_by_role("button", name="occlusion").click()
    assert findings() == []


@pytest.mark.parametrize("key", list(NAMED))
def test_any_number_of_classes(open_file: Open, named_reports: dict[str, Report], key: str) -> None:
    path, made = named_reports[key]
    page = open_file(path)
    classes = NAMED[key]
    table = page.get_by_role("table", name="Confusion matrix")
    assert table.locator("tbody th").all_inner_texts() == list(classes)
    errors = made.evaluation.confusion - np.diag(np.diag(made.evaluation.confusion))
    label, predicted = (int(place) for place in np.unravel_index(errors.argmax(), errors.shape))
    words = f"{classes[label]} read as {classes[predicted]}"
    cell(page, f"{words}: {errors.max()} pictures").click()
    assert status(page).startswith(f"{errors.max()} of {errors.max()} pictures: {words}")
    tiles(page).first.click()
    assert page.locator("#explorer-title").inner_text() == words
    shown = detail(page).locator(".bars li")
    texts = shown.all_text_contents()
    assert len(texts) == min(len(classes), 12) + (
        len(classes) > 12 and not any("label" in text for text in texts[:12])
    )
    assert any(text.startswith(f"{classes[label]} label") for text in texts)
    assert any(text.startswith(f"{classes[predicted]} answer") for text in texts)


@pytest.mark.parametrize("key", ["ten", *NAMED])
def test_320_pixels_are_enough(
    open_file: Open, report: Report, named_reports: dict[str, Report], key: str
) -> None:
    page = open_file(({"ten": report} | named_reports)[key][0], NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") == 320

    def too_small() -> list[list[float]]:
        return page.locator(".explorer button:visible, .explorer select:visible").evaluate_all(
            """targets => targets.map(target => target.getBoundingClientRect())
                .map(box => [box.width, box.height]).filter(size => Math.min(...size) < 24)"""
        )

    assert too_small() == []
    tiles(page).first.click()
    page.get_by_role("button", name="occlusion").click()
    dialog = page.get_by_role("dialog")
    assert dialog.evaluate("element => element.scrollWidth - element.clientWidth") == 0
    assert too_small() == []


def test_without_errors_all_pictures_are_shown(open_file: Open, mnist: Splits, tmp_path: Path) -> None:
    made = fabricate(mnist.test, mnist.train, DIGITS, count=50, right=True)
    page = open_file(write_report(made.evaluation, tmp_path, explorer=made.explorer))
    assert status(page) == "50 of 50 pictures, the most confident first."
    assert page.get_by_role("columnheader", name="none").count() == 0
    expect(page.get_by_text("Most common errors")).to_be_hidden()


def test_without_javascript_the_matrix_can_be_read(open_file: Open, report: Report) -> None:
    page = open_file(report[0], has_script=False)
    expect(page.locator("noscript p")).to_contain_text("The pictures need JavaScript")
    expect(page.locator("noscript p")).to_be_visible()
    confusion = report[1].evaluation.confusion
    first = page.locator("#explorer-matrix tbody td").first
    assert first.inner_text() == str(confusion[0, 0])
    expect(page.locator("#explorer-pictures")).to_be_hidden()
    assert page.get_by_role("button").count() == 0
