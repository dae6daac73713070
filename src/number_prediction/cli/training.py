"""Commands that make models: train, finetune, compare, export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import (
    EXIT_FAILED,
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
    from number_prediction.runs import Record, Run


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
        from number_prediction.progress import show_progress
        from number_prediction.runs import Run
        from number_prediction.sweeps import parse_value
        from number_prediction.training.data import load_frames
        from number_prediction.training.fit import fit
        from number_prediction.training.recipes import get_recipe
        from number_prediction.training.session import finish_run, start_run
        from number_prediction.training.space import change
        from number_prediction.training.world import join_world

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
    from number_prediction.datasets import find_csv

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
    from number_prediction.training.fit import Interrupted

    try:
        for _ in records:
            pass
    except Interrupted:
        raise typer.Exit(EXIT_INTERRUPTED) from None


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
        from number_prediction.progress import show_progress
        from number_prediction.training.finetune import Tuning
        from number_prediction.training.finetune import finetune as adapt

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


def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(metavar="RECIPE", help=RECIPE_HELP, show_default="all that learn a data set as it is"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs of each recipe, with seeds 0, 1, ...")
    ] = 3,
    data: DataOption = "mnist",
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; runs that are finished there are kept.")
    ] = Path("runs/comparison"),
) -> None:
    """Train recipes over several seeds, evaluate each run, and write the table and the figure."""
    with extra("train"):
        from number_prediction.progress import show_progress
        from number_prediction.training.comparison import plan, train_entry, write_comparison
        from number_prediction.training.data import load_frames
        from number_prediction.training.recipes import RECIPES, get_recipe

    comparable = [name for name, recipe in RECIPES.items() if recipe.learns_data_as_it_is]
    entries = plan([get_recipe(name) for name in recipes or comparable], seeds, output, data=data)
    waiting = [entry for entry in entries if not entry.is_finished]
    for entry in entries:
        if entry not in waiting:
            say(f"{entry.run.folder}: finished already")
    if waiting:
        splits = load_frames(data)
        for entry in waiting:
            say(f"{entry.run.folder}")
            with stoppable("the same command goes on"):
                records = train_entry(entry, splits, data=data, threads=threads, command=command_typed())
                show_progress(records, make_console())
    table = write_comparison(entries, output)
    print(table.to_string(index=False))


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
        from number_prediction.runs import Run
        from number_prediction.training.export import export_run

    print(export_run(Run(folder), output=output))
