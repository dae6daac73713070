"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_RECIPE = "cnn"
RECIPE_HELP = "mlp, cnn, resnet, handwriting or one of your own."

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
