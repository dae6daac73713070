"""The page of a review in a real browser: corrections by keyboard and by mouse, and the file it gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from number_prediction.pipeline.rows import Doubt, Row
from number_prediction.review.folder import ReviewFolder
from number_prediction.review.table import parse_review
from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

PHONE = (320, 700)
READ = (("sheet, 1.png", 1, "978"), ("=2.tif", 2, "-7"), ("3.png", 1, "42"), ("4.png", 1, "+5"))


@pytest.fixture
def review(tmp_path: Path) -> Path:
    folder = ReviewFolder(tmp_path / "review", below=0.99, result=Path("marks.csv"))
    rows = []
    for path, page, text in READ:
        doubt = Doubt(
            "points",
            text,
            f"?{text[1:]}",
            (("998", 0.22), ("948", 0.1)),
            {},
            np.full((60, 150), 200, np.uint8),
        )
        values = {"fields": {"points": {"text": text, "shown": text, "confidence": 0.67, "glyphs": []}}}
        rows.append(Row(path, page, values, doubts=(doubt,)))
    list(folder.collect(rows))
    folder.write_page()
    return folder.page


def box(page: Page, place: int) -> Locator:
    return page.get_by_role("textbox", name="points, correction").nth(place)


def download(page: Page, path: Path) -> list[str]:
    """What is downloaded: the column of corrections."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download review.csv").click()
    waiting.value.save_as(path)
    with path.open(newline="", encoding="utf-8") as stream:
        return [row["correction"] for row in csv.DictReader(stream, strict=True)]


def test_numbers_are_corrected_and_the_rest_of_the_table_stays(
    open_file: Open, review: Path, tmp_path: Path
) -> None:
    page = open_file(review)
    status = page.get_by_role("status")
    expect(status).to_have_text("0 corrected, 0 confirmed, 4 unchanged of 4")
    box(page, 0).focus()
    page.keyboard.press("Enter")  # as it was read
    expect(box(page, 1)).to_be_focused()
    page.keyboard.type("x")
    expect(status).to_contain_text("1 not a number: use digits and . , - + / :, or empty")
    expect(box(page, 1)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Download review.csv").click()  # is refused
    expect(box(page, 1)).to_be_focused()
    page.keyboard.type("007")
    page.keyboard.press("Enter")
    expect(box(page, 2)).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(box(page, 1)).to_be_focused()
    page.get_by_role("button", name="998").nth(2).click()
    expect(box(page, 2)).to_have_value("998")
    expect(box(page, 3)).to_be_focused()
    expect(status).to_have_text("2 corrected, 1 confirmed, 1 unchanged of 4")
    path = tmp_path / "downloaded.csv"
    assert download(page, path) == ["978", "'007", "998", ""]
    before, after = (parse_review(each.read_bytes(), "") for each in (review.with_suffix(".csv"), path))
    assert [row.correction for row in after.values()] == ["978", "007", "998", ""]
    assert [vars(row) | {"correction": ""} for row in after.values()] == list(map(vars, before.values()))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(open_file: Open, review: Path, theme: str) -> None:
    page = open_file(review, PHONE, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
