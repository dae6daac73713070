"""Commands that look at data sets: explore, labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import (
    command_typed,
    extra,
    make_console,
    new_folder,
    open_in_browser,
    say,
    stoppable,
)
from number_prediction.cli.options import DEFAULT_RECIPE, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.splits import Splits


def explore(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    other: Annotated[
        str | None,
        typer.Option("--compare", metavar="mnist|PATH", help="A second data set, to be put beside it."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="Pictures to draw at random first.", show_default="all"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of samples and maps.")] = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder.", show_default="runs/explore-TIME")
    ] = None,
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show what a data set holds: samples, shapes, maps, neighbours, outliers, duplicates.

    Writes explore.html, figures as PNG and tables as CSV; prints the path of the page. Every picture is
    compared with every other one: of more than 150,000, explore a --sample, in which they are then numbered.
    """
    with extra("train"):
        from number_prediction import explore_report
        from number_prediction.datasets import display_name, load_dataset
        from number_prediction.exploration import require_size, sample_splits
        from number_prediction.training.data import frame_splits

    def load(source: str) -> Splits:
        splits = load_dataset(source)
        return splits if sample is None else sample_splits(splits, sample, seed=seed)

    pages = load(data)
    require_size(pages)  # framing that many would take long
    splits = frame_splits(pages, data)
    found = explore_report.explore(splits, seed=seed)
    title = display_name(data)
    if other is not None:
        names = (display_name(data), display_name(other))
        second = frame_splits(load(other), other)
        both = explore_report.compare(splits.train, second.train, names, seed=seed)
        found = explore_report.Findings(found.figures | both.figures, found.tables | both.tables)
        title = " beside ".join(names)
    if sample is not None:
        title = f"{title}: a sample of at most {sample:,} pictures"
    page = explore_report.write_exploration(found, output or new_folder("explore"), title=title)
    print(page)
    if open_report:
        open_in_browser(page)


def labels(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="Of the networks that judge.")
    ] = DEFAULT_RECIPE,
    folds: Annotated[
        int, typer.Option(min=2, metavar="K", help="Networks; each judges what it did not see.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of folds and networks.")] = 0,
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; networks that are trained there are kept.")
    ] = Path("runs/labels"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Find labels that are probably wrong, in training and test part.

    Trains one network a fold and lets it judge the pictures that it was not trained on. Writes labels.html
    and every label, the most suspicious first, as CSV; prints the path of the page.
    """
    with extra("train"):
        from number_prediction.datasets import display_name
        from number_prediction.label_errors import rank
        from number_prediction.labels_report import write_label_report
        from number_prediction.progress import show_progress
        from number_prediction.training import cross_validation
        from number_prediction.training.data import load_frames
        from number_prediction.training.recipes import get_recipe

    chosen = get_recipe(recipe)
    splits = load_frames(data)
    divided = cross_validation.divide_into_folds(splits.train, folds, seed=seed)
    with stoppable("the same command goes on"):
        for fold in range(folds):
            say(f"fold {fold + 1} of {folds}")
            records = cross_validation.train_fold(
                divided,
                fold,
                splits,
                chosen,
                output,
                command=command_typed(),
                data=data,
                seed=seed,
                threads=threads,
            )
            show_progress(records, make_console())
    on_train = cross_validation.out_of_fold_probabilities(divided, output, splits.train)
    on_test = cross_validation.mean_probabilities(divided, output, splits.test)
    page = write_label_report(
        {
            "train": (splits.train, rank(splits.train, on_train)),
            "test": (splits.test, rank(splits.test, on_test)),
        },
        output,
        title=f"Suspicious labels of {display_name(data)}",
    )
    print(page)
    if open_report:
        open_in_browser(page)
