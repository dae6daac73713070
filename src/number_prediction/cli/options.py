"""Options that several commands share."""

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
        help="mnist; a file .csv, .npz or .parquet; a folder of IDX, CSV or Parquet files (FOLDER/PREFIX if "
        "it holds several sets); or a folder with one folder of pictures for each class.",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processor threads.", show_default="one a core")
]


class Size(StrEnum):
    """Which of the packaged models read numbers."""

    base = "base"
    small = "small"


SizeOption = Annotated[
    Size, typer.Option(help="Packaged models that read numbers: base asks both, small only the faster one.")
]


class Part(StrEnum):
    """The part of a data set to evaluate on."""

    test = "test"
    validation = "validation"
    all = "all"


PartOption = Annotated[Part, typer.Option(help="Part of the data set to evaluate on; all means every part.")]
MeasuredOption = Annotated[
    str | None,
    typer.Option(
        metavar="mnist|PATH",
        help="Data set, as for train. If no run was trained on it, all of it is used.",
        show_default="the run's own, else mnist",
    ),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the report in the browser.")]
