"""The report: one file that stands alone and says what the metrics say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from number_prediction.datasets.split import Splits
from number_prediction.evaluation.metrics import reliability
from number_prediction.reports.evaluation import write_report
from number_prediction.reports.plots.analysis import MAX_FILTERS, filter_grid
from number_prediction.reports.plots.evaluation import (
    class_distribution,
    confusion_heatmap,
    image_grid,
    learning_curves,
    reliability_diagram,
)
from number_prediction.runs.run import Record, Run
from tests.helpers.fabricated import fabricate


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


def test_the_explorer_takes_the_place_of_the_heatmap(mnist: Splits, tmp_path: Path) -> None:
    made = fabricate(mnist.test, mnist.train, ("0", "</script><b>", "it's & 2"), count=60)
    content = write_report(made.evaluation, tmp_path / "with", explorer=made.explorer).read_text(
        encoding="utf-8"
    )
    assert (tmp_path / "with" / "figures" / "confusion_matrix.png").exists()
    found = re.search(
        r'<script type="application/json" id="explorer-data">(.*?)</script>', content, re.DOTALL
    )
    assert found
    assert json.loads(found[1]) == made.explorer.to_dict()
    assert "</script><b>" not in content
    assert not re.search(r"url\(|@import|https?://|\beval\b| on[a-z]+=", content)
    assert all(source.startswith("data:image/png;base64,") for source in Page(content).sources)


def test_explorer_data_without_details_is_plain_json(mnist: Splits) -> None:
    data = fabricate(mnist.test, mnist.train, "01", count=40).explorer
    bare = replace(data, saliency=(), neighbours=None).to_dict()
    assert json.loads(json.dumps(bare)) == bare
    assert (bare["saliency"], bare["neighbours"]) == ([], None)
    assert len(bare["probabilities"]) == 2 * len(bare["index"])


def test_pictures_share_their_limits_where_they_are_given(mnist: Splits) -> None:
    images = np.stack([mnist.test.images[0] // 4, mnist.test.images[0]])
    for limits, highest in ((None, [images[0].max(), 255]), ((0, 255), [255, 255])):
        grid = image_grid(images, columns=2, limits=limits)
        assert [axis.images[0].norm.vmax for axis in grid.axes] == highest


def test_the_diagonal_reaches_both_reliability_curves() -> None:
    after, before = (
        reliability(np.linspace(low, 1, 60), np.arange(60) % 10 > 0, bins=3) for low in (0.9, 0.5)
    )
    for given, lowest in ((None, after.accuracy.min()), (before, before.confidence.min())):
        axis = reliability_diagram(after, given).axes[0]
        assert axis.lines[0].get_xdata()[0] == pytest.approx(lowest)
        assert len(axis.lines) == (2 if given is None else 3)


def test_of_many_filters_the_largest_are_drawn_in_order() -> None:
    filters = np.random.default_rng(0).normal(0, np.linspace(1, 2, 80)[:, None, None], (80, 28, 28))
    figure = filter_grid(filters)
    drawn = [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]
    assert len(drawn) == MAX_FILTERS
    np.testing.assert_array_equal(drawn, filters[-MAX_FILTERS:])


def test_figures_are_drawn_into_given_axes() -> None:
    figure = Figure()
    left, middle, right = figure.subfigures(1, 2)[0].subplots(1, 3)
    assert confusion_heatmap(np.eye(3, dtype=int), "abc", ax=left) is figure
    assert left.get_xlabel() == "predicted"
    records = [Record(step=1, steps=1, epoch=1, seconds=1, validation_loss=0.1, validation_accuracy=0.9)]
    assert learning_curves(records, axes=(middle, right)) is figure
    assert right.get_title() == "Validation accuracy: 90.00%"
    assert len(figure.get_axes()) == 4  # with the colour bar
    assert len(confusion_heatmap(np.eye(3, dtype=int), "abc").get_axes()) == 2
