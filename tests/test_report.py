"""The report: one file that stands alone and says what the metrics say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from number_prediction.plots import class_distribution, image_grid
from number_prediction.runs import Run
from number_prediction.splits import Splits


class Page(HTMLParser):
    """Collects what a page refers to, and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.alternatives: list[str | None] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources += [value for name, value in attrs if name in ("src", "href") and value]
        if tag == "img":
            self.alternatives.append(values.get("alt"))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(small_run: Run) -> Page:
    return Page((small_run.folder / "validation" / "report.html").read_text(encoding="utf-8"))


def test_it_refers_to_nothing_outside_itself(page: Page, small_run: Run) -> None:
    content = (small_run.folder / "validation" / "report.html").read_text(encoding="utf-8")
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"url\(|@import|https?://", content)
    assert all(page.alternatives)


def test_it_says_what_the_metrics_say(page: Page, small_run: Run) -> None:
    metrics = json.loads((small_run.folder / "validation" / "metrics.json").read_text())
    summary = metrics["summary"]
    text = " ".join(page.text.split())
    assert summary["pictures"] == 5000
    assert f"{100 * summary['accuracy']:.2f}%" in text
    assert f"{summary['errors']}errors in 5,000" in text
    assert "seed 0" in text
    assert sum(map(sum, metrics["confusion_matrix"])) == 5000


def test_figures_are_pictures(small_run: Run) -> None:
    figures = sorted(path.stem for path in (small_run.folder / "validation" / "figures").iterdir())
    curves = ["coverage", "learning_curves", "reliability"]
    assert figures == sorted([*curves, "confusion_matrix", "precision_recall", "worst_errors"])
    for name in figures:
        with Image.open(small_run.folder / "validation" / "figures" / f"{name}.png") as picture:
            assert min(picture.size) > 300


def test_plots_of_data_give_figures(mnist: Splits) -> None:
    grid = image_grid(mnist.test.images[:12], [str(label) for label in mnist.test.labels[:12]], columns=5)
    assert len(grid.axes) == 15
    assert len(class_distribution(mnist._asdict()).axes[0].patches) == 30
