"""Command finetune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    command_typed,
    extra,
    make_console,
    new_folder,
    say,
)
from number_prediction.cli.options import ThreadsOption


def finetune(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Folder with one folder of pictures a digit, 0 to 9, or none."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|MODEL.onnx", help="What to adapt.", show_default="the model in the package"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write to.", show_default="runs/finetuned-TIME"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of order, augmentation and replay.")] = 0,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Batches to train.", show_default="240")
    ] = None,
    replay: Annotated[
        int | None,
        typer.Option(
            min=100,
            metavar="N",
            help="Pictures of MNIST to train on again, and to guard.",
            show_default="6000",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Points by which what it knew may fall.", show_default="0.2"),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Adapt a model to a hand or a form, from 10 to 1,000 labelled pictures; prints its folder.

    A folder named none holds pictures that are no digit. What the model knew is guarded: where it would read
    MNIST or a replay set, both kept apart for this, worse by more than 0.2 points, it says so, keeps the old
    model and exits with status 1.
    """
    with extra("train"):
        from number_prediction.cli.progress import show_progress
        from number_prediction.training.finetuning.finetune import Tuning
        from number_prediction.training.finetuning.finetune import finetune as adapt

    changes = {
        "steps": steps,
        "replay": replay,
        "tolerance": None if tolerance is None else tolerance / 100,
    }
    tuning = replace(
        Tuning(),
        **{name: value for name, value in changes.items() if value is not None},  # type: ignore[arg-type]
    )
    try:
        done = adapt(
            data,
            output or new_folder("finetuned"),
            command=command_typed(),
            model=model,
            seed=seed,
            threads=threads,
            tuning=tuning,
            show=lambda records: show_progress(records, make_console()),
        )
    except KeyboardInterrupt:
        say("stopped; nothing was written")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    for figure in done.figures:
        print(
            f"{figure.name:31} {figure.pictures:6,} pictures  "
            f"{100 * figure.before:6.2f}% -> {100 * figure.after:6.2f}%"
        )
    if done.share < 1:
        say(
            f"note: the weights were moved by {100 * done.share:.0f}% of what the training moved them: with "
            "more, the model forgets too much"
        )
    for doubt in done.doubts:
        say(f"note: {doubt}")
    say(f"{done.seconds:.0f} s")
    if done.model is None:
        for reason in done.reasons:
            say(f"error: {reason}")
        say("the old model is kept, nothing was written")
        raise typer.Exit(EXIT_FAILED)
    print(done.model.parent)
