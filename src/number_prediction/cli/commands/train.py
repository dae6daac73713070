"""Command train."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import (
    EXIT_INTERRUPTED,
    command_typed,
    extra,
    given_options,
    make_console,
    new_folder,
    say,
    stoppable,
)
from number_prediction.cli.options import DEFAULT_RECIPE, RECIPE_HELP, DataOption, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.runs.run import Record, Run


def train(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)] = DEFAULT_RECIPE,
    data: DataOption = "mnist",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of weights, order and augmentation.")] = 0,
    epochs: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Passes over the images.", show_default="the recipe's"),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Images a batch.", show_default="the recipe's")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Peak learning rate.", show_default="the recipe's"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Another number of the recipe, such as augmentation.rotation=12. May be repeated.",
            show_default="the recipe's",
        ),
    ] = None,
    threads: ThreadsOption = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="cuda, mps or cpu.", show_default="the best there is")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run.", show_default="runs/RECIPE-SEED-TIME"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was interrupted.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also log for TensorBoard, in RUN/tensorboard.")
    ] = False,
) -> None:
    """Train a recipe; prints the folder of the run.

    The run holds its settings, log, checkpoint, exported model and a report on the validation part.
    Ctrl-C saves; --resume goes on, also after a crash, and ends with the same weights. On several devices
    or machines: torchrun --nproc_per_node N -m number_prediction train RECIPE, see docs/training.md.
    """
    with extra("train"):
        from number_prediction.cli.progress import show_progress
        from number_prediction.runs.run import Run
        from number_prediction.runs.sweep import parse_value
        from number_prediction.training.experiments.search_space import change
        from number_prediction.training.experiments.session import finish_run, start_run
        from number_prediction.training.frames import load_frames
        from number_prediction.training.loop.distributed import join_world
        from number_prediction.training.loop.fit import fit
        from number_prediction.training.recipes import get_recipe

        if tensorboard:
            from number_prediction.training.tensorboard import log_to_tensorboard

    if resume is not None:
        given = given_options(context) - {"resume", "tensorboard"}
        if given:
            raise typer.BadParameter(
                f"a resumed run keeps its settings; leave out {', '.join(sorted(given))}",
                param_hint="--resume",
            )
    with join_world() as world:
        if resume is not None:
            run = Run(resume)
            splits = load_frames(world.from_main(run.settings).data)
        else:
            changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
            if epochs is not None:
                changes["min_batches"] = 0  # what was asked for, no more
            chosen = replace(
                get_recipe(recipe),
                **{name: value for name, value in changes.items() if value is not None},  # type: ignore[arg-type]
            )
            chosen = change(chosen, dict(map(parse_value, settings or ())))
            splits = load_frames(data)
            run = world.from_main(
                lambda: start_run(
                    chosen,
                    output or new_folder(f"{chosen.name}-{seed}"),
                    command=command_typed(world.size),
                    data=data,
                    seed=seed,
                    threads=threads,
                    device=device,
                    world=world,
                )
            )
        records = fit(run, splits, world)
        if not world.is_main:
            _follow(records)
            return
        _introduce(run)
        how_to_go_on = f"go on with: {run.how_to_resume(world.size)}"
        with stoppable(how_to_go_on):
            if tensorboard:
                records = log_to_tensorboard(records, run.folder / "tensorboard")
            show_progress(records, make_console())
    with stoppable(how_to_go_on):
        say("exporting, and checking that ONNX Runtime answers as torch does")
        accuracy = finish_run(run, splits)
    say(
        f"validation accuracy {100 * accuracy:.2f}%; on the test part: "
        f"number-prediction evaluate {run.folder}"
    )
    print(run.folder)


def _introduce(run: Run) -> None:
    """Say what is trained, and how."""
    from number_prediction.datasets.load import find_csv

    settings = run.settings()
    say(
        f"{run.folder}: {settings.recipe['name']} on {settings.data}, seed {settings.seed}, "
        f"{settings.computing}"
    )
    if find_csv(settings.data) is not None:
        say(
            "note: the pictures of Kaggle's Digit Recognizer are MNIST's, its test pictures too; "
            "to add MNIST to them would be cheating"
        )


def _follow(records: Iterable[Record]) -> None:
    """Train beside the main process, which says all there is to say."""
    from number_prediction.training.loop.fit import Interrupted

    try:
        for _ in records:
            pass
    except Interrupted:
        raise typer.Exit(EXIT_INTERRUPTED) from None
