"""Command predict: one digit a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.options import (
    AddressOption,
    ClusterOption,
    ColumnOption,
    DpiOption,
    FormatOption,
    OutputOption,
    PicturesArgument,
    ResumeOption,
    ThreadsOption,
    WorkersOption,
)
from number_prediction.cli.output import choose_cluster, choose_format, write_results
from number_prediction.constants import PDF_DPI


def predict(
    pictures: PicturesArgument,
    model: Annotated[
        Path | None,
        typer.Option(metavar="RUN|MODEL.onnx", help="What reads.", show_default="the model in the package"),
    ] = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    resume: ResumeOption = False,
    top: Annotated[int, typer.Option(min=0, help="Also give the K best classes.", metavar="K")] = 0,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also draw what the model saw of each picture: ink, frame, probabilities, warnings.",
            show_default=False,
        ),
    ] = None,
    dpi: DpiOption = PDF_DPI,
    threads: ThreadsOption = None,
    cluster: ClusterOption = False,
    address: AddressOption = None,
    workers: WorkersOption = None,
    column: ColumnOption = None,
) -> None:
    """Read one digit from each picture, and from each page of a TIFF or PDF.

    What cannot be read gives an error row, the others are read all the same, and the exit status is 1.
    """
    chosen_format = choose_format(output_format, output, resume=resume)
    chosen_cluster = choose_cluster(
        cluster,
        address,
        workers,
        column,
        others={"--resume": resume, "--explain": explain, "--threads": threads},
    )

    from number_prediction.digits.predictor import Predictor
    from number_prediction.pipeline.layouts import digit_layout
    from number_prediction.pipeline.readers import read_digits

    predictor = Predictor(model, threads=threads if chosen_cluster is None else 1)
    write_results(
        pictures,
        partial(read_digits, predictor, top=top, explain=explain is not None),
        digit_layout(top, explain=explain is not None),
        output_format=chosen_format,
        output=output,
        resume=resume,
        dpi=dpi,
        settings={
            "command": "predict",
            "model": predictor.sha256,
            "threshold": predictor.threshold,
            "top": top,
        },
        explain=explain,
        cluster=chosen_cluster,
    )
