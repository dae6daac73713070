"""Command export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write.", show_default="RUN/model.onnx")
    ] = None,
) -> None:
    """Write a run's model as ONNX, with manifest and model card; prints the file.

    The file holds everything from the picture's pixels to the probabilities. It is written only if it answers
    like torch on 10,000 pictures.
    """
    with extra("train"):
        from number_prediction.runs.run import Run
        from number_prediction.training.export.export import export_run

    print(export_run(Run(folder), output=output))
