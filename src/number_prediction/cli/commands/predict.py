"""Command predict: one digit for each picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.option_groups import check_options, spread_groups
from number_prediction.cli.output import chosen_format, write_results
from number_prediction.cli.reading_options import BATCH_RULES, BatchArguments, ModelOption


@spread_groups
def predict(
    context: typer.Context,
    *,
    model: ModelOption = None,
    top: Annotated[int, typer.Option(min=0, help="Also give the K most probable classes.", metavar="K")] = 0,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also draw what the model saw of each picture into this folder.",
            show_default=False,
        ),
    ] = None,
    must_answer: Annotated[
        bool,
        typer.Option(
            "--must-answer", help="Give the most probable digit, even where there seems to be none."
        ),
    ] = False,
    batch: BatchArguments,
) -> None:
    """Read one digit from each picture, or from each page of a TIFF or PDF.

    A page that cannot be read gives a row with an error. The other pages are still read, and the exit status
    is 1.
    """
    check_options(context, BATCH_RULES)
    chosen_format(batch)

    from number_prediction.digits.predictor import Predictor
    from number_prediction.pipeline.digit_reader import digit_reader

    predictor = Predictor(model, threads=1 if batch.cluster else batch.threads)
    reader = digit_reader(predictor, top=top, explain=explain is not None, must_answer=must_answer)
    write_results(reader, batch, drawings=explain)
