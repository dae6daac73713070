"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

DEFAULT_RECIPE = "cnn"
RECIPE_HELP = "Recipe; see train --list."

DataOption = Annotated[
    str,
    typer.Option(
        metavar="mnist|PATH",
        help="MNIST, a folder of IDX files (FOLDER/PREFIX where it holds several sets), a folder with "
        "Kaggle's train.csv or such a file, or a folder with one folder of pictures a class.",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processor threads.", show_default="one a core")
]


class Part(StrEnum):
    """Part of a data set that is measured on."""

    test = "test"
    validation = "validation"
    all = "all"


PartOption = Annotated[Part, typer.Option(help="Part of the data set; all takes every part.")]
MeasuredOption = Annotated[
    str | None,
    typer.Option(
        metavar="mnist|PATH",
        help="Data set, as for train; one that no run was trained on and is not divided is taken whole.",
        show_default="the run's own, else mnist",
    ),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the report in the browser.")]
