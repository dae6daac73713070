"""Command export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import extra

if TYPE_CHECKING:
    pass


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write.", show_default="RUN/model.onnx")
    ] = None,
) -> None:
    """Write a run's model as ONNX, with manifest and model card; prints the file.

    The graph holds everything from the picture's pixels to the probabilities. It is written only if it
    answers as torch does over 10,000 pictures.
    """
    with extra("train"):
        from number_prediction.runs.run import Run
        from number_prediction.training.export.export import export_run

    print(export_run(Run(folder), output=output))
