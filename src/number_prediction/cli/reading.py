"""Commands that read pictures: predict, submission."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import EXIT_FAILED, say
from number_prediction.cli.options import ThreadsOption


class Format(StrEnum):
    """How `predict` writes its results."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


def predict(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PATH|FOLDER|GLOB|-", help="Pictures; - reads one from stdin."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="RUN|MODEL.onnx", help="What reads.", show_default="the model in the package"),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="Of the results.")] = Format.table,
    top: Annotated[int, typer.Option(min=0, help="Also give the K best classes.", metavar="K")] = 0,
    threads: ThreadsOption = None,
) -> None:
    """Read one digit from each picture.

    A picture that cannot be read gives an error row, the others are read all the same, and the exit
    status is 1.
    """
    from number_prediction.predictor import Predictor
    from number_prediction.reading import find_pictures, read_digits
    from number_prediction.tables import write_rows

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # file names can be any bytes
    rows = read_digits(Predictor(model, threads=threads), find_pictures(pictures), top=top)
    failed = write_rows(rows, output_format, sys.stdout)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def submission(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL.onnx", help="What reads.")],
    pictures: Annotated[Path, typer.Argument(metavar="TEST.csv", help="Pictures without labels, one a row.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("submission.csv"),
    threads: ThreadsOption = None,
) -> None:
    """Answer the test.csv of Kaggle's Digit Recognizer; prints the file of answers.

    Each picture gets its most probable class; the model abstains from none.
    """
    from number_prediction.datasets import EMBEDDED
    from number_prediction.predictor import Predictor
    from number_prediction.submission import trained_on, write_submission

    predictor = Predictor(model, threads=threads)
    count = write_submission(predictor, pictures, output)
    say(f"{count:,} pictures answered")
    if trained_on(predictor) == EMBEDDED:
        say(
            "warning: this model was trained on MNIST, and the pictures of Kaggle's Digit Recognizer are "
            "MNIST's, so it has seen labels of the test pictures: to submit its answers there would be "
            "cheating. Train one on train.csv alone: number-prediction train --data train.csv"
        )
    print(output)
