"""Command submission."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import say
from number_prediction.cli.options import ThreadsOption


def submission(
    model: Annotated[Path, typer.Argument(metavar="RUN|MODEL.onnx", help="Model that reads.")],
    pictures: Annotated[Path, typer.Argument(metavar="TEST.csv", help="Pictures without labels, one a row.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("submission.csv"),
    threads: ThreadsOption = None,
) -> None:
    """Answer the test.csv of Kaggle's Digit Recognizer; prints the file of answers.

    Each picture gets its most probable class; the model never abstains here.
    """
    from number_prediction.datasets.load import EMBEDDED
    from number_prediction.digits.predictor import Predictor
    from number_prediction.evaluation.kaggle import trained_on, write_submission

    predictor = Predictor(model, threads=threads)
    count = write_submission(predictor, pictures, output)
    say(f"{count:,} pictures answered")
    if trained_on(predictor) == EMBEDDED:
        say(
            "warning: do not submit these answers. The model was trained on MNIST, which holds the labels of "
            "Kaggle's test pictures. Train a model on Kaggle's data: number-prediction train --data train.csv"
        )
    print(output)
