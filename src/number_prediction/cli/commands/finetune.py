"""Command finetune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    extra,
    make_console,
    say,
)
from number_prediction.cli.options import ThreadsOption

if TYPE_CHECKING:
    from number_prediction.training.finetuning.finetune import Finetuned


def finetune(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Folder with one folder of pictures per digit, 0 to 9, or none."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|MODEL.onnx", help="Model to adapt.", show_default="the model in the package"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write to.", show_default="runs/finetuned-TIME"),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of order, augmentation and replay set.")
    ] = 0,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Batches to train.", show_default="240")
    ] = None,
    replay: Annotated[
        int | None,
        typer.Option(
            min=100,
            metavar="N",
            help="Pictures of MNIST to train on again, and to check for forgetting.",
            show_default="6000",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="X",
            help="Percentage points by which the figures of the check may fall.",
            show_default="0.2",
        ),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Adapt a model to a hand or a form, from 10 to 1,000 labelled pictures; prints its folder.

    A folder named none holds pictures that are not a digit. The adapted model is checked on MNIST and a
    replay set. If it reads either worse by more than 0.2 points, the command says so, keeps the old model and
    exits with status 1. Where no picture is read wrong, nothing is trained, and the status is 0.
    """
    with extra("train"):
        from number_prediction.machine import usable_cores
        from number_prediction.runs.progress import reporting
        from number_prediction.runs.run import new_folder
        from number_prediction.training.finetuning.finetune import Tuning
        from number_prediction.training.finetuning.finetune import finetune as adapt
        from number_prediction.training.loop.memory import tune_process

    changes = {
        "steps": steps,
        "replay": replay,
        "tolerance": None if tolerance is None else tolerance / 100,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    tuning = replace(Tuning(), **given)  # type: ignore[arg-type]
    tune_process(threads or usable_cores())
    try:
        with reporting(make_console()) as report:
            done = adapt(
                data,
                output or new_folder("finetuned"),
                model=model,
                seed=seed,
                threads=threads,
                tuning=tuning,
                progress=report,
                announce=say,
            )
    except KeyboardInterrupt:
        say("stopped; nothing was written")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _conclude(done)


def _conclude(done: Finetuned) -> None:
    """Print the figures and the folder, or say why nothing was written and exit with status 1."""
    for figure in done.figures:
        print(
            f"{figure.name:31} {figure.pictures:6,} pictures  "
            f"{100 * figure.before:6.2f}% -> {100 * figure.after:6.2f}%"
        )
    if done.share < 1:
        say(
            f"note: the model got {100 * done.share:.0f}% of the trained change of its weights; with more, "
            "it forgets too much"
        )
    for doubt in done.doubts:
        say(f"note: {doubt}")
    say(f"{done.seconds:.0f} s")
    if done.model is None and not done.reasons:
        say("there is nothing to adapt to: the model already reads all of them; nothing was written")
        return
    if done.model is None:
        for reason in done.reasons:
            say(f"error: {reason}")
        say("kept the old model; nothing was written")
        raise typer.Exit(EXIT_FAILED)
    print(done.model.parent)
