"""The report of an evaluation in a browser: its tiles and figures, on phones and in the dark theme."""

from __future__ import annotations

from pathlib import Path

import pytest

from number_prediction.datasets.split import Splits
from number_prediction.reports.evaluation import write_report
from tests.browser.conftest import WIDE, Open
from tests.helpers.fabricated import fabricate

pytestmark = pytest.mark.browser

PHONE = (390, 844)


@pytest.fixture(scope="module")
def report(mnist: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = fabricate(mnist.test, mnist.train, tuple("0123456789"), count=60)
    return write_report(made.evaluation, tmp_path_factory.mktemp("report"), explorer=made.explorer)


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_accuracy_leads_and_no_figure_of_a_tile_wraps(
    report: Path, open_file: Open, size: tuple[int, int]
) -> None:
    page = open_file(report, size)
    lead, *others = page.locator(".cards strong").evaluate_all(
        "(all) => all.map((each) => [each.textContent, parseFloat(getComputedStyle(each).fontSize), "
        "each.getBoundingClientRect().height < 1.9 * parseFloat(getComputedStyle(each).fontSize), "
        "each.scrollWidth <= each.clientWidth])"
    )
    assert lead[0].endswith("%")
    assert all(lead[1] > 1.5 * other[1] for other in others)
    assert all(is_one_line and fits for _, _, is_one_line, fits in (lead, *others))


def test_a_wide_screen_has_one_row_of_tiles(report: Path, open_file: Open) -> None:
    tops = open_file(report).locator(".cards li").evaluate_all("(all) => all.map((each) => each.offsetTop)")
    assert len(tops) > 3
    assert len(set(tops)) == 1


def test_a_phone_shows_charts_large_enough_and_does_not_scroll_sideways(
    report: Path, open_file: Open
) -> None:
    page = open_file(report, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    widths = page.locator(".scroll img").evaluate_all("(all) => all.map((each) => each.clientWidth)")
    assert widths
    assert min(widths) > 600


def test_charts_are_dark_in_the_dark_theme(report: Path, open_file: Open) -> None:
    script = "(all) => all.map((each) => getComputedStyle(each).filter)"
    light = open_file(report).locator(".chart img").evaluate_all(script)
    dark = open_file(report, theme="dark").locator(".chart img").evaluate_all(script)
    assert set(light) == {"none"}
    assert all("invert" in each for each in dark)
    assert len(dark) >= 3
