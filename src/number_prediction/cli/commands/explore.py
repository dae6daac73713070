"""Command explore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import extra, open_in_browser

if TYPE_CHECKING:
    from number_prediction.datasets.split import Splits


def explore(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    other: Annotated[
        str | None,
        typer.Option("--compare", metavar="mnist|PATH", help="Second data set, shown beside the first."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="Pictures to draw at random.", show_default="all"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of samples and maps.")] = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the page.", show_default="runs/explore-TIME")
    ] = None,
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show what a data set holds: samples, shapes, maps, neighbours, outliers, duplicates.

    Writes explore.html, figures as PNG and tables as CSV; prints the path of the page. Each picture is
    compared with all others, so explore a --sample of more than 150,000; the page then numbers the pictures
    of the sample.
    """
    with extra("train"):
        from number_prediction.datasets.exploration import require_size, sample_splits
        from number_prediction.datasets.load import display_name, load_dataset
        from number_prediction.reports import exploration as exploration_report
        from number_prediction.runs.run import new_folder
        from number_prediction.training.frames import frame_splits

    def load(source: str) -> Splits:
        splits = load_dataset(source)
        return splits if sample is None else sample_splits(splits, sample, seed=seed)

    pages = load(data)
    require_size(pages)  # before framing, which takes long
    splits = frame_splits(pages, data)
    found = exploration_report.explore(splits, seed=seed)
    title = display_name(data)
    if other is not None:
        names = (display_name(data), display_name(other))
        second = frame_splits(load(other), other)
        both = exploration_report.compare(splits.train, second.train, names, seed=seed)
        found = exploration_report.Findings(found.figures | both.figures, found.tables | both.tables)
        title = " beside ".join(names)
    if sample is not None:
        title = f"{title}: a sample of at most {sample:,} pictures"
    page = exploration_report.write_exploration(found, output or new_folder("explore"), title=title)
    print(page)
    if open_report:
        open_in_browser(page)
