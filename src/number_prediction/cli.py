"""The command line: `number-prediction`. Results go to stdout, everything else to stderr.

Exit status: 0 done; 1 something failed, and the message says what to mend; 2 wrong usage; 130 Ctrl-C.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction import __version__
from number_prediction.types import MissingExtraError, NumberPredictionError

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="number-prediction",
    help="Train, evaluate and use recognisers of handwritten digits.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEFAULT_RECIPE = "cnn"
RECIPE_HELP = "mlp, cnn, resnet or one of your own."
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class Format(StrEnum):
    """How `predict` writes its results."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


class Part(StrEnum):
    """Part of a data set that `evaluate` measures on."""

    test = "test"
    validation = "validation"
    all = "all"


DataOption = Annotated[
    str,
    typer.Option(
        metavar="mnist|PATH",
        help="MNIST, a folder of IDX files (FOLDER/PREFIX where it holds several sets), or a folder with "
        "one folder of pictures a class.",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processor threads.", show_default="one a core")
]


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except NumberPredictionError as error:
        _say(f"error: {error}")
        sys.exit(EXIT_FAILED)
    except OSError as error:
        _say(
            f"error: {error.filename or 'a file'}: {error.strerror or error}; "
            "check the path, its rights and the space left"
        )
        sys.exit(EXIT_FAILED)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"number-prediction {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
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
    Ctrl-C saves; --resume goes on, also after a crash, and ends with the same weights.
    """
    with _extra("train"):
        from number_prediction.progress import show_progress
        from number_prediction.runs import Run
        from number_prediction.training.data import load_frames
        from number_prediction.training.fit import fit
        from number_prediction.training.recipes import get_recipe
        from number_prediction.training.session import finish_run, start_run

        if tensorboard:
            from number_prediction.training.tensorboard import log_to_tensorboard

    if resume is not None:
        given = _given_options(context) - {"resume", "tensorboard"}
        if given:
            raise typer.BadParameter(
                f"a resumed run keeps its settings; leave out {', '.join(sorted(given))}",
                param_hint="--resume",
            )
        run = Run(resume)
        splits = load_frames(run.settings().data)
    else:
        changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        if epochs is not None:
            changes["min_batches"] = 0  # what was asked for, no more
        chosen = replace(
            get_recipe(recipe),
            **{name: value for name, value in changes.items() if value is not None},  # type: ignore[arg-type]
        )
        splits = load_frames(data)
        run = start_run(
            chosen,
            output or _new_folder(f"{chosen.name}-{seed}"),
            command=_command(),
            data=data,
            seed=seed,
            threads=threads,
            device=device,
        )
    settings = run.settings()
    _say(
        f"{run.folder}: {settings.recipe['name']} on {settings.data}, seed {settings.seed}, "
        f"{settings.device}, {settings.threads} threads, {settings.precision}"
    )
    with _stoppable(f"go on with: number-prediction train --resume {run.folder}"):
        records = fit(run, splits)
        if tensorboard:
            records = log_to_tensorboard(records, run.folder / "tensorboard")
        show_progress(records, _console())
        _say("exporting, and checking that ONNX Runtime answers as torch does")
        evaluation = finish_run(run, splits)
    _say(
        f"validation accuracy {100 * evaluation.accuracy:.2f}%; on the test part: "
        f"number-prediction evaluate {run.folder}"
    )
    print(run.folder)


@app.command()
def explore(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    other: Annotated[
        str | None,
        typer.Option("--compare", metavar="mnist|PATH", help="A second data set, to be put beside it."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of samples and maps.")] = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder.", show_default="runs/explore-TIME")
    ] = None,
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show what a data set holds: samples, shapes, maps, neighbours, outliers, duplicates.

    Writes explore.html, figures as PNG and tables as CSV; prints the path of the page.
    """
    with _extra("train"):
        from number_prediction import explore_report
        from number_prediction.datasets import display_name
        from number_prediction.training.data import load_frames

    splits = load_frames(data)
    found = explore_report.explore(splits, seed=seed)
    title = display_name(data)
    if other is not None:
        names = (display_name(data), display_name(other))
        both = explore_report.compare(splits.train, load_frames(other).train, names, seed=seed)
        found = explore_report.Findings(found.figures | both.figures, found.tables | both.tables)
        title = " beside ".join(names)
    page = explore_report.write_exploration(found, output or _new_folder("explore"), title=title)
    print(page)
    if open_report:
        _open_in_browser(page)


@app.command()
def labels(
    data: Annotated[str, typer.Argument(metavar="mnist|PATH", help="Data set, as for train.")] = "mnist",
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="Of the networks that judge.")
    ] = DEFAULT_RECIPE,
    folds: Annotated[
        int, typer.Option(min=2, metavar="K", help="Networks; each judges what it did not see.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of folds and networks.")] = 0,
    threads: ThreadsOption = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; networks that are trained there are kept.")
    ] = Path("runs/labels"),
    open_report: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Find labels that are probably wrong, in training and test part.

    Trains one network a fold and lets it judge the pictures that it was not trained on. Writes labels.html
    and every label, the most suspicious first, as CSV; prints the path of the page.
    """
    with _extra("train"):
        from number_prediction.datasets import display_name
        from number_prediction.label_errors import rank
        from number_prediction.labels_report import write_label_report
        from number_prediction.progress import show_progress
        from number_prediction.training import cross_validation
        from number_prediction.training.data import load_frames
        from number_prediction.training.recipes import get_recipe

    chosen = get_recipe(recipe)
    splits = load_frames(data)
    divided = cross_validation.divide_into_folds(splits.train, folds, seed=seed)
    with _stoppable("the same command goes on"):
        for fold in range(folds):
            _say(f"fold {fold + 1} of {folds}")
            records = cross_validation.train_fold(
                divided,
                fold,
                splits,
                chosen,
                output,
                command=_command(),
                data=data,
                seed=seed,
                threads=threads,
            )
            show_progress(records, _console())
    on_train = cross_validation.out_of_fold_probabilities(divided, output, splits.train)
    on_test = cross_validation.mean_probabilities(divided, output, splits.test)
    page = write_label_report(
        {
            "train": (splits.train, rank(splits.train, on_train)),
            "test": (splits.test, rank(splits.test, on_test)),
        },
        output,
        title=f"Suspicious labels of {display_name(data)}",
    )
    print(page)
    if open_report:
        _open_in_browser(page)


@app.command()
def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN|MODEL.onnx", help="What to measure.", show_default="the model in the package"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="mnist|PATH",
            help="Data set, as for train; one that is not divided is taken whole.",
            show_default="the run's own, else mnist",
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Part of the data set; all takes every part.")] = Part.test,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the report.", show_default="RUN/PART, or runs/evaluation-TIME"
        ),
    ] = None,
    threads: ThreadsOption = None,
    open_report: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Measure a model and write metrics.json, figures and report.html."""
    with _extra("train"):
        from number_prediction.datasets import canonical_source, display_name, load_evaluation_split
        from number_prediction.evaluation import evaluate as evaluate_predictor
        from number_prediction.predictor import Predictor
        from number_prediction.report import REPORT_FILE, report_on_run, write_report
        from number_prediction.runs import Run

    run = Run(model) if model is not None and model.is_dir() else None
    own_data = run.settings().data if run else "mnist"
    source = canonical_source(data or own_data)
    is_own = source == own_data
    split = load_evaluation_split(source, part, divided=is_own)
    name = part.value if is_own else f"{part.value}-{display_name(source)}"
    words = f"{display_name(source)}, {part.value} part" if is_own else display_name(source)
    if run is not None:
        report_folder = output or run.evaluation_folder(name)
        evaluation = report_on_run(run, split, name, data=words, folder=report_folder, threads=threads)
    else:
        report_folder = output or _new_folder("evaluation")
        evaluation = evaluate_predictor(Predictor(model, threads=threads), split, data=words)
        write_report(evaluation, report_folder)
    low, high = evaluation.accuracy_interval
    print(
        f"accuracy {100 * evaluation.accuracy:.2f}% (95% interval {100 * low:.2f} to {100 * high:.2f}%), "
        f"{len(evaluation.errors)} errors in {len(evaluation.labels):,}, "
        f"log loss {evaluation.log_loss:.4f}, "
        f"ECE {evaluation.reliability.expected_calibration_error:.4f}"
    )
    report = report_folder / REPORT_FILE
    print(report)
    if open_report:
        _open_in_browser(report)


@app.command()
def compare(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(metavar="RECIPE", help=RECIPE_HELP, show_default="all recipes"),
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
    with _extra("train"):
        from number_prediction.progress import show_progress
        from number_prediction.training.comparison import plan, train_entry, write_comparison
        from number_prediction.training.data import load_frames
        from number_prediction.training.recipes import RECIPES, get_recipe

    entries = plan([get_recipe(name) for name in recipes or RECIPES], seeds, output, data=data)
    waiting = [entry for entry in entries if not entry.is_finished]
    for entry in entries:
        if entry not in waiting:
            _say(f"{entry.run.folder}: finished already")
    if waiting:
        splits = load_frames(data)
        for entry in waiting:
            _say(f"{entry.run.folder}")
            with _stoppable("the same command goes on"):
                records = train_entry(entry, splits, data=data, threads=threads, command=_command())
                show_progress(records, _console())
    table = write_comparison(entries, output)
    print(table.to_string(index=False))


@app.command()
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
    with _extra("train"):
        from number_prediction.runs import Run
        from number_prediction.training.export import export_run

    print(export_run(Run(folder), output=output))


@app.command()
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


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Turn a failed import into the command that installs what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this command needs the package {error.name}, which is not installed; "
            f"install it with: pip install 'number-prediction[{name}]'"
        ) from error


@contextmanager
def _stoppable(how_to_go_on: str) -> Iterator[None]:
    """Turn Ctrl-C in a training, which is saved by then, into words and exit status 130."""
    from number_prediction.training.fit import Interrupted

    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        _say(f"stopped and saved; {how_to_go_on}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _given_options(context: typer.Context) -> set[str]:
    """Names of the parameters that were typed."""
    return {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _command() -> str:
    return shlex.join(["number-prediction", *sys.argv[1:]])


def _new_folder(name: str) -> Path:
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _open_in_browser(page: Path) -> None:
    import os
    import webbrowser

    has_screen = (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if not (has_screen and webbrowser.open(page.resolve().as_uri())):
        _say("no browser could be opened here; open the file above")
