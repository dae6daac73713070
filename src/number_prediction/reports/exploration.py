"""Report on a data set: splits -> explore.html, figures as PNG and tables as CSV, in one folder.

Needs the extra `train` (matplotlib, seaborn, pandas, scikit-learn).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas
from matplotlib.figure import Figure

from number_prediction.datasets import exploration
from number_prediction.datasets.split import Split, Splits
from number_prediction.files import write_together
from number_prediction.html import illustrate, render
from number_prediction.reports.plots import evaluation as evaluation_plots
from number_prediction.reports.plots import exploration as exploration_plots

EXPLORE_FILE = "explore.html"
MAPPED_PICTURES = 3000
"""Most pictures on a map."""
MEASURED_PICTURES = 20_000
"""Most pictures whose shape is measured."""
OUTLIERS_SHOWN = 10
NEIGHBOURS_SHOWN = 9
DUPLICATES_SHOWN = 24


@dataclass
class Findings:
    """Figures and tables of an exploration, by name, in the order of the page."""

    figures: dict[str, Figure] = field(default_factory=dict)
    tables: dict[str, pandas.DataFrame] = field(default_factory=dict)


def explore(splits: Splits, *, seed: int = 0) -> Findings:
    """Explore a data set of frames.

    Figures and tables: samples, class_distribution, intensity, class_images, measures, pca, tsne, neighbours,
    outliers, duplicates. Those without pictures are left out.

    Raises:
        DataError: too few pictures to explore, or more than `exploration.MAX_PICTURES`.
    """
    exploration.require_size(splits)
    parts = {name: part for name, part in splits._asdict().items() if len(part)}
    train = splits.train
    found = Findings()
    found.figures["samples"] = exploration_plots.sample_grid(train, seed=seed)
    found.figures["class_distribution"] = evaluation_plots.class_distribution(parts)
    found.tables["class_counts"] = exploration.class_counts(parts).reset_index()
    found.tables["intensity"] = exploration.intensity_statistics(parts)
    found.figures["class_images"] = exploration_plots.class_images(
        *exploration.mean_and_variance_images(train), train.classes
    )
    chosen = exploration.sample(train, MEASURED_PICTURES, seed=seed)
    measured = exploration.measure(train.select(chosen)).assign(index=chosen)
    found.tables["measures"] = measured
    found.figures["measures"] = exploration_plots.measure_distributions(measured)

    embedding = exploration.Embedding.of(train, seed=seed)
    chosen = exploration.sample(train, MAPPED_PICTURES, seed=seed)
    mapped = train.select(chosen)
    points = embedding.points[chosen]
    found.figures["pca"] = exploration_plots.thumbnail_map(
        points[:, :2], mapped, title="The first two principal components"
    )
    found.figures["tsne"] = exploration_plots.thumbnail_map(
        exploration.map_with_tsne(points, seed=seed), mapped, title="t-SNE: neighbours stay together"
    )
    queries = splits.test if len(splits.test) else splits.validation
    if len(queries):
        found.figures["neighbours"] = _neighbours(queries, train, embedding, seed)
    outliers = exploration.find_outliers(train, embedding.points, OUTLIERS_SHOWN)
    found.tables["outliers"] = outliers
    if len(outliers):
        found.figures["outliers"] = evaluation_plots.image_grid(
            np.asarray(train.images[outliers["index"].to_numpy()]),
            [f"{row.label}, no. {row.index}" for row in outliers.itertuples(index=False)],
            columns=OUTLIERS_SHOWN,
        )
    duplicates = exploration.find_duplicates(parts)
    found.tables["duplicates"] = duplicates
    if len(duplicates):
        found.figures["duplicates"] = _duplicates(duplicates.head(DUPLICATES_SHOWN), parts)
    return found


def compare(first: Split, second: Split, names: tuple[str, str], *, seed: int = 0) -> Findings:
    """Compare the shapes of two data sets, which shows why one is harder."""
    one, other = (
        exploration.measure(split.select(exploration.sample(split, MEASURED_PICTURES, seed=seed)))
        for split in (first, second)
    )
    found = Findings()
    found.tables["comparison"] = exploration.compare_measures(one, other)
    found.figures["comparison"] = exploration_plots.measure_comparison(one, other, names)
    found.figures["samples_of_the_other"] = exploration_plots.sample_grid(second, seed=seed)
    return found


def write_exploration(found: Findings, folder: Path, *, title: str) -> Path:
    """Write explore.html, figures/*.png and tables/*.csv; returns the path of the page, a single file."""
    illustrations = illustrate(found.figures)
    page = render(
        "reports/templates/exploration.html.j2",
        title=title,
        figures=illustrations.urls,
        tables=_shown(found.tables),
    )
    tables = {f"tables/{name}.csv": table.to_csv(index=False) for name, table in found.tables.items()}
    write_together(folder, {**tables, **illustrations.files, EXPLORE_FILE: page})
    return folder / EXPLORE_FILE


def _neighbours(queries: Split, train: Split, embedding: exploration.Embedding, seed: int) -> Figure:
    """One picture of each class, with the training pictures nearest to it."""
    generator = np.random.default_rng(seed)
    present = [label for label in range(len(queries.classes)) if (queries.labels == label).any()]
    chosen = np.array([generator.choice(np.flatnonzero(queries.labels == label)) for label in present])
    picked = queries.select(chosen)
    _, indices = exploration.nearest_neighbours(
        embedding.points, embedding.transform(picked), NEIGHBOURS_SHOWN
    )
    titles = [
        [
            f"no. {index}: {picked.classes[label]}",
            *(train.classes[train.labels[i]] for i in row),
        ]
        for index, label, row in zip(chosen, picked.labels, indices, strict=True)
    ]
    return exploration_plots.neighbour_grid(
        np.asarray(picked.images), np.stack([np.asarray(train.images[row]) for row in indices]), titles
    )


def _duplicates(pairs: pandas.DataFrame, parts: Mapping[str, Split]) -> Figure:
    pictures, titles = [], []
    for pair in pairs.to_dict("records"):
        for side in ("a", "b"):
            part, index, label = (pair[f"{name}_{side}"] for name in ("part", "index", "label"))
            pictures.append(parts[part].images[index])
            titles.append(f"{part} {index}: {label}")
    return evaluation_plots.image_grid(np.stack(pictures), titles, columns=8)


def _shown(tables: Mapping[str, pandas.DataFrame]) -> dict[str, str]:
    """Tables as HTML; long ones as a summary or their first rows."""
    shown = {}
    for name, table in tables.items():
        if name == "measures":
            short = table.groupby("label", observed=True)[list(exploration.MEASURES)].mean().reset_index()
        else:
            short = table.head(DUPLICATES_SHOWN)
        shown[name] = short.to_html(index=False, float_format="{:.3f}".format, border=0)
    return shown
