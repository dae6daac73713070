"""Exploration: right measurements of drawn shapes, duplicates and outliers that are found, one page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from number_prediction.datasets import exploration
from number_prediction.datasets.split import PictureFiles, Split, Splits
from number_prediction.errors import DataError
from number_prediction.reports import exploration as exploration_report
from tests.conftest import CommandLine
from tests.helpers.class_folders import write_class

CLASSES = ("bar", "blob")


def as_split(*images: NDArray[np.uint8], labels: list[int] | None = None) -> Split:
    chosen = np.zeros(len(images), np.uint8) if labels is None else np.array(labels, np.uint8)
    return Split(np.stack(images), chosen, CLASSES)


def bar(width: int, *, left: int = 12, slant: float = 0.0) -> NDArray[np.uint8]:
    """An upright bar of 20 rows, its top moved right by `slant` pixels a row."""
    image = np.zeros((28, 28), np.uint8)
    for row in range(4, 24):
        begin = left + round((13.5 - row) * slant)
        image[row, begin : begin + width] = 255
    return image


@pytest.mark.parametrize("width", [1, 2, 4, 6])
def test_the_width_of_a_stroke_is_measured(width: int) -> None:
    (found,) = exploration.measure(as_split(bar(width)))["stroke_width"]
    assert found == pytest.approx(max(width, 2), rel=0.2)  # a pixel is too coarse for less


def test_shapes_are_measured() -> None:
    upright, leaning, moved = as_split(bar(2)), as_split(bar(2, slant=0.4)), as_split(bar(2, left=20))
    row = exploration.measure(upright).iloc[0]
    assert row["label"] == "bar"
    assert row["coverage"] == pytest.approx(40 / 784)
    assert row["aspect"] == pytest.approx(2 / 20)
    assert (row["centre_x"], row["centre_y"]) == (pytest.approx(12.5), pytest.approx(13.5))
    assert row["slant"] == pytest.approx(0, abs=1e-6)
    assert exploration.measure(leaning)["slant"].iloc[0] == pytest.approx(0.4, abs=0.05)
    assert exploration.measure(moved)["centre_x"].iloc[0] == pytest.approx(20.5)


def test_empty_pictures_are_measured_without_warnings() -> None:
    table = exploration.measure(as_split(np.zeros((28, 28), np.uint8)))
    assert np.isfinite(table.drop(columns="label").to_numpy()).all()


def test_duplicates_are_found_inside_and_across_parts(mnist: Splits) -> None:
    train = mnist.train.select(slice(0, 500))
    images = mnist.test.images[:300].copy()
    images[7] = train.images[100]  # leaked
    images[9] = images[250]  # twice
    near = images[11].copy()
    near[14, 14] ^= 32
    images[12] = near
    test = Split(images, mnist.test.labels[:300], mnist.test.classes)
    pairs = exploration.find_duplicates({"train": train, "test": test})
    found = {(row.part_a, row.index_a, row.part_b, row.index_b) for row in pairs.itertuples()}
    assert {("train", 100, "test", 7), ("test", 9, "test", 250), ("test", 11, "test", 12)} <= found
    by_pair = pairs.set_index(["index_a", "index_b"])
    assert by_pair.loc[(100, 7), ["exact", "across"]].tolist() == [True, True]
    assert by_pair.loc[(11, 12), ["exact", "across"]].tolist() == [False, False]
    assert pairs["distance"].is_monotonic_increasing


def test_many_copies_of_one_picture_are_all_in_some_pair(mnist: Splits) -> None:
    images = mnist.train.images[:60].copy()
    images[[3, 20, 40, 59]] = images[3]
    pairs = exploration.find_duplicates(
        {"train": Split(images, mnist.train.labels[:60], mnist.train.classes)}
    )
    exact = pairs[pairs["exact"]]
    assert set(exact["index_a"]) | set(exact["index_b"]) == {3, 20, 40, 59}


def test_a_wrong_label_is_an_outlier_of_its_class(mnist: Splits) -> None:
    part = mnist.train.select(slice(0, 3000))
    labels = part.labels.copy()
    wrong = int(np.flatnonzero(labels == 0)[5])
    labels[wrong] = 1
    mislabelled = Split(part.images, labels, part.classes)
    points = exploration.Embedding.of(mislabelled).points
    outliers = exploration.find_outliers(mislabelled, points, 3)
    assert wrong in outliers.loc[outliers["label"] == "1", "index"].tolist()
    assert (outliers.groupby("label").size() == 3).all()


def test_neighbours_of_a_digit_are_its_like(mnist: Splits) -> None:
    train = mnist.train.select(slice(0, 5000))
    embedding = exploration.Embedding.of(train)
    queries = mnist.test.select(slice(0, 200))
    _, indices = exploration.nearest_neighbours(embedding.points, embedding.transform(queries), 5)
    assert (train.labels[indices] == queries.labels[:, None]).mean() > 0.85


def test_two_data_sets_differ_where_they_were_made_to(mnist: Splits) -> None:
    first = exploration.measure(mnist.train.select(slice(0, 1000)))
    moved = mnist.train.select(slice(1000, 2000))
    second = exploration.measure(Split(np.roll(moved.images, 3, axis=2), moved.labels, moved.classes))
    table = exploration.compare_measures(first, second)
    assert table.loc[0, "measure"] == "centre_x"
    assert table.loc[0, "mean_b"] - table.loc[0, "mean_a"] == pytest.approx(3, abs=0.2)
    assert (table.loc[1:, "distance"] < 0.15).all()


def test_what_cannot_be_explored_is_said(mnist: Splits) -> None:
    with pytest.raises(DataError, match="empty"):
        exploration.measure(mnist.train.select(slice(0, 0)))
    with pytest.raises(DataError, match="frame them"):
        exploration.measure(Split(PictureFiles([Path("x.png")]), np.zeros(1, np.uint8), CLASSES))
    small = Split(mnist.train.images[:5, :20], mnist.train.labels[:5], mnist.train.classes)
    with pytest.raises(DataError, match="different sizes"):
        exploration.find_duplicates({"a": mnist.train.select(slice(0, 5)), "b": small})


EMPTY = as_split(bar(2)).select(slice(0, 0))
NAN = np.full((6, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda _: exploration.mean_and_variance_images(EMPTY), "the data set is empty"),
        (lambda _: exploration.intensity_statistics({"train": EMPTY}), "the data set is empty"),
        (lambda _: exploration.Embedding.of(EMPTY), "the data set is empty"),
        (lambda split: exploration.find_duplicates({"train": split, "test": EMPTY}), "the data set is empty"),
        (lambda _: exploration.intensity_statistics({}), "no parts of a data set.*give at least one"),
        (lambda _: exploration.class_counts({}), "no parts of a data set"),
        (lambda _: exploration.find_duplicates({}), "no parts of a data set"),
        (
            lambda split: exploration.class_counts(
                {"a": split, "b": Split(split.images, split.labels, ("x", "y"))}
            ),
            "the parts a, b have different classes",
        ),
        (lambda _: exploration.map_with_tsne(NAN), "points are missing or NaN"),
        (lambda _: exploration.map_with_tsne(NAN[:0]), "points are missing or NaN"),
        (lambda _: exploration.nearest_neighbours(NAN, NAN, 2), "points are missing or NaN"),
        (lambda _: exploration.nearest_neighbours(NAN[:0], NAN, 2), "points are missing or NaN"),
        (lambda split: exploration.find_outliers(split, NAN, 2), "points are missing or NaN"),
        (
            lambda split: exploration.find_outliers(split, np.zeros((5, 3), np.float32), 2),
            "5 points but 6 pic",
        ),
        (
            lambda split: exploration.Embedding.of(split).transform(
                Split(np.zeros((1, 5, 5), np.uint8), np.zeros(1, np.uint8), CLASSES)
            ),
            "images of 25 pixels, but the embedding has images of 784; frame both",
        ),
        (
            lambda split: exploration.compare_measures(
                exploration.measure(split), exploration.measure(split).head(0)
            ),
            "measurements are missing or NaN",
        ),
        (
            lambda split: exploration.compare_measures(
                exploration.measure(split), exploration.measure(split).assign(ink=np.nan)
            ),
            "measurements are missing or NaN",
        ),
        (
            lambda split: exploration_report.explore(Splits(EMPTY, split, split)),
            "0 training pictures of 12, but explore needs at least two; add",
        ),
        (
            lambda split: exploration_report.explore(Splits(split.select(slice(1)), EMPTY, EMPTY)),
            "1 training pict",
        ),
        (lambda split: exploration_report.compare(split, EMPTY, ("a", "b")), "the data set is empty"),
    ],
)
def test_every_function_says_what_it_cannot_work_on(ask: Callable[[Split], object], message: str) -> None:
    split = as_split(*[bar(width) for width in range(1, 7)], labels=[0, 1] * 3)
    with pytest.raises(DataError, match=message):
        ask(split)


def test_too_many_pictures_are_refused_and_a_sample_of_them_is_not() -> None:
    def split(count: int) -> Split:
        labels = np.arange(count) % 2
        return Split(np.zeros((count, 1, 1), np.uint8), labels.astype(np.uint8), CLASSES)

    exploration.require_size(Splits(split(120_000), split(10_000), split(20_000)))
    huge = Splits(split(120_000), split(10_000), split(20_001))
    with pytest.raises(DataError, match=r"150,001 pictures, but at most 150,000 .*--sample 150000"):
        exploration_report.explore(huge)
    exploration.require_size(exploration.sample_splits(huge, exploration.MAX_PICTURES))


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=3), st.integers(1, 100), st.integers(0, 9))
def test_a_sample_of_splits_holds_pictures_of_each_part_once(sizes: list[int], count: int, seed: int) -> None:
    images = np.arange(sum(sizes), dtype=np.uint8).reshape(-1, 1, 1)
    labels = np.zeros(len(images), np.uint8)
    ends = np.cumsum(sizes)
    whole = Splits(
        *(
            Split(images[end - size : end], labels[:size], ("a",))
            for size, end in zip(sizes, ends, strict=True)
        )
    )
    drawn = exploration.sample_splits(whole, count, seed=seed)
    assert sum(map(len, drawn)) == min(count, sum(sizes))
    for part, of in zip(drawn, whole, strict=True):
        numbers = np.asarray(part.images).ravel().tolist()
        assert numbers == sorted(set(numbers))
        assert set(numbers) <= set(np.asarray(of.images).ravel().tolist())
    again = exploration.sample_splits(whole, count, seed=seed)
    assert all((a.images == b.images).all() for a, b in zip(drawn, again, strict=True))


def test_the_last_class_of_a_sorted_set_is_in_the_embedding() -> None:
    generator = np.random.default_rng(0)
    images = np.zeros((exploration.MAX_FITTED_PICTURES + 4000, 12, 12), np.uint8)
    images[: exploration.MAX_FITTED_PICTURES, :6] = generator.integers(
        0, 256, (exploration.MAX_FITTED_PICTURES, 6, 12)
    )
    writings = generator.integers(0, 256, (4, 6, 12))  # the last class is written elsewhere, in four ways
    images[exploration.MAX_FITTED_PICTURES :, 6:] = writings[np.arange(4000) % 4]
    labels = (np.arange(len(images)) >= exploration.MAX_FITTED_PICTURES).astype(np.uint8)
    embedding = exploration.Embedding.of(Split(images, labels, CLASSES), seed=1)
    last = images[labels == 1].reshape(4000, -1) / 255
    kept = embedding.pca.inverse_transform(embedding.points[labels == 1])
    assert ((last - kept) ** 2).sum() < 0.05 * ((last - last.mean(0)) ** 2).sum()
    same = exploration.Embedding.of(Split(images, labels, CLASSES), seed=1)
    np.testing.assert_array_equal(embedding.points, same.points)


@pytest.mark.parametrize(
    ("train", "others"),
    [
        (as_split(bar(2), bar(4)), EMPTY),  # the fewest, and no other part
        (as_split(*[np.zeros((28, 28), np.uint8)] * 6, labels=[0, 1] * 3), as_split(bar(2))),  # blank
        (as_split(*[bar(width) for width in range(1, 7)]), as_split(bar(2))),  # a class without pictures
        (as_split(*[bar(2, left=left) for left in range(9)], labels=[0] * 8 + [1]), as_split(bar(2))),
    ],
)
def test_poor_sets_give_a_page_all_the_same(train: Split, others: Split, tmp_path: Path) -> None:
    found = exploration_report.explore(Splits(train, others, others))
    both = exploration_report.compare(train, train.select(slice(1)), ("one", "other"))
    merged = exploration_report.Findings(found.figures | both.figures, found.tables | both.tables)
    content = exploration_report.write_exploration(merged, tmp_path / "out", title="poor").read_text(
        encoding="utf-8"
    )
    assert content.count("data:image/png") == len(merged.figures)
    assert ("neighbours" in found.figures) == (len(others) > 0)


def test_numbers_in_the_table_of_measures_are_those_of_the_pictures(
    mnist: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploration_report, "MEASURED_PICTURES", 50)
    train = mnist.train.select(slice(0, 400))
    small = mnist.test.select(slice(0, 40))
    table = exploration_report.explore(Splits(train, small, small)).tables["measures"]
    assert len(table) == 50
    assert table["index"].max() >= 50
    chosen = train.select(table["index"].to_numpy())
    assert [train.classes[label] for label in chosen.labels] == table["label"].tolist()
    assert table["ink"].to_numpy() == pytest.approx(np.asarray(chosen.images).mean((1, 2)) / 255, abs=1e-4)


@pytest.mark.parametrize("labels", [[3, 8], list(range(10))])
def test_the_page_stands_alone(mnist: Splits, tmp_path: Path, labels: list[int]) -> None:
    def only(split: Split, count: int) -> Split:
        chosen = np.flatnonzero(np.isin(split.labels, labels))[:count]
        positions = np.searchsorted(labels, split.labels[chosen]).astype(np.uint8)
        return Split(split.images[chosen], positions, tuple(str(label) for label in labels))

    splits = Splits(*(only(part, count) for part, count in zip(mnist, (300, 60, 60), strict=True)))
    found = exploration_report.explore(splits)
    both = exploration_report.compare(splits.train, splits.test, ("one", "other"))
    merged = exploration_report.Findings(found.figures | both.figures, found.tables | both.tables)
    page = exploration_report.write_exploration(merged, tmp_path / "out", title="A & B")
    content = page.read_text(encoding="utf-8")
    assert "<h1>A &amp; B</h1>" in content
    assert "://" not in content
    assert content.count("data:image/png") == len(merged.figures)
    counts = pandas.read_csv(tmp_path / "out" / "tables" / "class_counts.csv")
    assert counts["train"].sum() == 300
    assert len(pandas.read_csv(tmp_path / "out" / "tables" / "measures.csv")) == 300
    assert len(list((tmp_path / "out" / "figures").glob("*.png"))) == len(merged.figures)


def test_the_command_explores_a_folder_of_pictures(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    for label in (1, 2):
        write_class(tmp_path / "data" / str(label), mnist.train, label, 40)
    done = command_line("explore", "data", "--output", "out")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(Path("out/explore.html"))
    assert b"nowhere" in command_line("explore", "nowhere").stderr
