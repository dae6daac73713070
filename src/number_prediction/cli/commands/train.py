"""Command train."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import (
    EXIT_INTERRUPTED,
    extra,
    given_options,
    make_console,
    say,
    stoppable,
)
from number_prediction.cli.options import DEFAULT_RECIPE, RECIPE_HELP, DataOption, ThreadsOption

if TYPE_CHECKING:
    from number_prediction.datasets.split import Splits
    from number_prediction.runs.run import Record, Run
    from number_prediction.training.loop.distributed import World
    from number_prediction.training.recipes import Recipe


def list_recipes(wanted: bool) -> None:
    """Print name, number of parameters and summary of each recipe, and exit."""
    if not wanted:
        return
    with extra("train"):
        from number_prediction.training.recipes import RECIPES
    for recipe in RECIPES.values():
        print(f"{recipe.name:12} {recipe.count_parameters():>9,} parameters  {recipe.summary}")
    raise typer.Exit


_EpochsOption = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Passes over the images.", show_default="the recipe's"),
]
_BatchSizeOption = Annotated[
    int | None, typer.Option(min=2, metavar="N", help="Images per batch.", show_default="the recipe's")
]
_LearningRateOption = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Peak learning rate.", show_default="the recipe's"),
]
_SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change another number of the recipe, such as augmentation.rotation=12. Repeatable.",
        show_default="the recipe's",
    ),
]


def train(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)] = DEFAULT_RECIPE,
    data: DataOption = "mnist",
    transposed: Annotated[
        bool,
        typer.Option("--transposed", help="Swap rows and columns of pictures in files, as in EMNIST."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of weights, order and augmentation.")
    ] = 0,
    epochs: _EpochsOption = None,
    batch_size: _BatchSizeOption = None,
    learning_rate: _LearningRateOption = None,
    settings: _SetOption = None,
    open_data: Annotated[
        Path | None,
        typer.Option("--open", metavar="DIR", help="Folder of open data, see docs/how-to/open-data.md."),
    ] = None,
    ink: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Run of the recipe ink for the recipe paper, of line-ink for line."),
    ] = None,
    threads: ThreadsOption = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cuda, mps or cpu.", show_default="the first of these found"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run.", show_default="runs/RECIPE-SEED-TIME"),
    ] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Resume an interrupted run.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also log for TensorBoard, in RUN/tensorboard.")
    ] = False,
    _list: Annotated[
        bool, typer.Option("--list", callback=list_recipes, is_eager=True, help="List all recipes and exit.")
    ] = False,
) -> None:
    """Train a recipe; prints the folder of the run.

    The run holds its settings, log, checkpoint, exported model and a report on the validation part. Ctrl-C
    saves; --resume continues, also after a crash, and ends with the same weights. To train on several devices
    or machines: torchrun --nproc_per_node N -m number_prediction train RECIPE, see docs/how-to/devices.md.
    """
    with extra("train"):
        from number_prediction.datasets.load import TRANSPOSED
        from number_prediction.runs.run import new_folder
        from number_prediction.runs.sweep import parse_value
        from number_prediction.training.experiments.search_space import change
        from number_prediction.training.experiments.train import finish_run
        from number_prediction.training.loop.distributed import join_world
        from number_prediction.training.loop.fit import fit
        from number_prediction.training.loop.memory import tune_process
        from number_prediction.training.recipes import get_recipe

        if tensorboard:
            from number_prediction.training.tensorboard import log_to_tensorboard

    with join_world() as world:
        if resume is not None:
            _require_no_settings(context)
            run, splits = _open(resume, world)
        else:
            chosen = get_recipe(recipe).override(
                epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
            )
            chosen = change(chosen, dict(map(parse_value, settings or [])))
            folder = output or new_folder(f"{chosen.name}-{seed}")
            data = f"{TRANSPOSED}{data}" if transposed else data
            run, splits = _start(
                chosen, folder, data, seed, threads, device, world, open_data=open_data, ink=ink
            )
        tune_process(world.from_main(run.settings).threads)
        records: Iterable[Record] = fit(run, splits, world)
        if not world.is_main:
            _follow(records)
            return
        if tensorboard:
            records = log_to_tensorboard(records, run.folder / "tensorboard")
        _lead(run, records, world)
    with stoppable(f"resume with: {run.how_to_resume(world.size)}"):
        say("exporting, and checking that ONNX Runtime answers like torch")
        accuracy = finish_run(run, splits)
    if run.settings().finds_ink:
        say(f"overlap with the true ink {100 * accuracy:.1f}%")
        reader = "paper" if run.settings().recipe.get("line_crops") is None else "line"
        say(f"next: number-prediction train {reader} --ink {run.folder}")
        print(run.folder)
        return
    say(
        f"validation accuracy {100 * accuracy:.2f}%; to measure it on the test part: "
        f"number-prediction evaluate {run.folder}"
    )
    print(run.folder)


def _require_no_settings(context: typer.Context) -> None:
    """Refuse options that a resumed run would ignore."""
    given = given_options(context) - {"resume", "tensorboard"}
    if given:
        raise typer.BadParameter(
            f"a resumed run keeps its settings; leave out {', '.join(sorted(given))}",
            param_hint="--resume",
        )


def _open(folder: Path, world: World) -> tuple[Run, Splits]:
    """A run to resume, and its frames."""
    from number_prediction.runs.run import Run
    from number_prediction.training.frames import load_frames

    run = Run(folder)
    return run, load_frames(world.from_main(run.settings).data)


def _start(
    recipe: Recipe,
    folder: Path,
    data: str,
    seed: int,
    threads: int | None,
    device: str | None,
    world: World,
    *,
    open_data: Path | None,
    ink: Path | None,
) -> tuple[Run, Splits]:
    """A new run, made by the main process, and its frames."""
    from number_prediction.training.experiments.setup import start_run
    from number_prediction.training.frames import load_frames

    splits = load_frames(data)
    run = world.from_main(
        lambda: start_run(
            recipe,
            folder,
            data=data,
            seed=seed,
            threads=threads,
            device=device,
            open_data=open_data,
            ink=ink,
            world=world,
        )
    )
    return run, splits


def _lead(run: Run, records: Iterable[Record], world: World) -> None:
    """Train in the main process: say what is trained, and show how it goes."""
    from number_prediction.datasets.load import find_csv
    from number_prediction.runs.progress import show_progress

    settings = run.settings()
    say(
        f"{run.folder}: {settings.recipe['name']} on {settings.data}, seed {settings.seed}, "
        f"{settings.computing}"
    )
    if settings.recipe.get("paper") is not None:
        say("first its frames are composed: about a quarter of an hour on two cores")
    if find_csv(settings.data) is not None:
        say(
            "note: all pictures of Kaggle's Digit Recognizer, its test pictures too, come from MNIST; "
            "to add MNIST to them would be cheating"
        )
    with stoppable(f"resume with: {run.how_to_resume(world.size)}"):
        show_progress(records, make_console())


def _follow(records: Iterable[Record]) -> None:
    """Train beside the main process, which prints all messages."""
    from number_prediction.training.loop.fit import Interrupted

    try:
        for _ in records:
            pass
    except Interrupted:
        raise typer.Exit(EXIT_INTERRUPTED) from None
