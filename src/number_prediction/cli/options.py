"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_RECIPE = "cnn"
RECIPE_HELP = "fast, mlp, cnn, resnet, best, micro, tiny, handwriting, number or one of your own."

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


class Format(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"

    @property
    def can_be_resumed(self) -> bool:
        """Whether rows can be appended to what was written before."""
        return self in (Format.jsonl, Format.csv)


PicturesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|FOLDER|GLOB|@LIST|-",
        help="Pictures, TIFF and PDF with all their pages; of @LIST, a text file, each line names a file; "
        "- reads one file from stdin.",
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="Of the results.", show_default="table, or by the suffix of --output"),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write results there, to a file that is not there yet.", show_default="stdout"
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with an --output of jsonl or csv: read only what has no row there yet."
    ),
]
ClusterOption = Annotated[
    bool,
    typer.Option(
        "--cluster", help="Read on the workers of a Ray cluster (extra cluster). Also reads *.parquet."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Of the cluster, such as auto or HOST:6379.",
        show_default="one on this machine, which ends with the command",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Of the cluster, each on one processor.",
        show_default="as many as it has processors",
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of *.parquet: encoded pictures, or paths.",
        show_default="picture, image, bytes or path",
    ),
]
DpiOption = Annotated[int, typer.Option(min=10, max=2400, metavar="N", help="At which a PDF is rendered.")]


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


def describe_part(data: str, part: Part, *, is_own: bool) -> str:
    """What is measured on, in words; a data set that no run was trained on is not divided."""
    return f"{data}, {part.value} part" if is_own else data
