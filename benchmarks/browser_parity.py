"""The offline app against Python: same answers, what a first visit loads, how long an answer takes.

    python -m benchmarks.browser_parity [COUNT]

Pictures are MNIST test digits on generated papers, in the formats of the web, decoded by Pillow here and by
Chromium there. Needs Chromium, and `make offline-app` once.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.images.decode import to_page
from tests.browser.conftest import find_chromium
from tests.browser.offline_app import build_app, photograph_digits, read_in_browser, serve
from tests.browser.pen import draw, write_digit

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 500
DRAWINGS = 100


def main() -> None:
    folder = tempfile.TemporaryDirectory()
    app = build_app(Path(folder.name) / "app")
    with folder, serve(app) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium())
        page = browser.new_page()
        page.goto(served.url)
        page.get_by_text("Works offline").wait_for()
        print(f"first visit loads {sum(served.sent.values()) / 1e6:.2f} MB in {len(served.sent)} files")
        measure_answers(page)
        page = browser.new_context(bypass_csp=True).new_page()
        page.goto(served.url)
        compare(page)
        browser.close()


def measure_answers(page: Page) -> None:
    """Time from the end of a digit's last stroke to the answer on the page."""
    for index in range(DRAWINGS):
        draw(page, write_digit(index % 10))
        page.locator('#answer:not([data-state="empty"])').wait_for()
        page.wait_for_timeout(100)
        page.get_by_role("button", name="Clear").click()
    times = page.evaluate("performance.getEntriesByName('answer').map(({ duration }) => duration)")
    p50, p95 = np.percentile(times, [50, 95])
    print(f"answer after pen-up, {len(times)} times: {p50:.1f} ms p50, {p95:.1f} ms p95")


def compare(page: Page) -> None:
    """Labels and probabilities of both."""
    photographs = photograph_digits(load_mnist().test, COUNT)
    pages = [to_page(each.content) for each in photographs]
    expected = Predictor().predict_digits(pages)
    answers = read_in_browser(page, photographs, pages)
    labels = sum(answer["text"] != each.text for answer, each in zip(answers, expected, strict=True))
    print(f"{COUNT} pictures, {labels} labels differ")
    largest: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for photograph, answer, each in zip(photographs, answers, expected, strict=True):
        shares = float(np.abs(np.array(answer["probabilities"]) - each.probabilities).max())
        found = (shares, abs(answer["isDigit"] - each.is_digit), answer["difference"])
        largest[photograph.kind] = [max(pair) for pair in zip(largest[photograph.kind], found, strict=True)]
    print("largest differences          probabilities  is_digit  grey")
    for kind, (shares, is_digit, grey) in sorted(largest.items()):
        print(f"{kind:<28} {shares:13.2e} {is_digit:9.2e} {grey:5.0f}")


if __name__ == "__main__":
    main()
