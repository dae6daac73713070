"""The command line: `number-prediction`. Results go to stdout, everything else to stderr.

Exit status: 0 done; 1 something failed, and the message says what to do; 2 wrong usage; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from number_prediction import __version__
from number_prediction.cli.commands.compare import compare
from number_prediction.cli.commands.evaluate import evaluate
from number_prediction.cli.commands.explore import explore
from number_prediction.cli.commands.export import export
from number_prediction.cli.commands.finetune import finetune
from number_prediction.cli.commands.labels import labels
from number_prediction.cli.commands.merge import merge
from number_prediction.cli.commands.predict import predict
from number_prediction.cli.commands.read import read
from number_prediction.cli.commands.report import report
from number_prediction.cli.commands.serve import serve
from number_prediction.cli.commands.submission import submission
from number_prediction.cli.commands.sweep import sweep
from number_prediction.cli.commands.train import train
from number_prediction.cli.console import EXIT_FAILED, say
from number_prediction.errors import NumberPredictionError

app = typer.Typer(
    name="number-prediction",
    help="Train, evaluate and use recognisers of handwritten digits and numbers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    train,
    finetune,
    explore,
    labels,
    evaluate,
    report,
    compare,
    sweep,
    export,
    predict,
    read,
    merge,
    submission,
    serve,
):
    app.command()(_command)


def main() -> None:
    """Run the command line and exit."""
    warnings.filterwarnings("ignore", module="PIL")  # damaged pictures give rows with errors
    warnings.formatwarning = _format_warning
    try:
        app()
    except NumberPredictionError as error:
        say(f"error: {error}")
        sys.exit(EXIT_FAILED)
    except OSError as error:
        say(
            f"error: {error.filename or 'a file'}: {error.strerror or error}; "
            "check the path, its permissions and the free disk space"
        )
        sys.exit(EXIT_FAILED)


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,  # noqa: ARG001 - part of the interface
) -> str:
    """Show warnings of this package like its errors, others as Python does."""
    if category is UserWarning and f"{os.sep}number_prediction{os.sep}" in filename:
        return f"warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"number-prediction {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and context.invoked_subcommand != "train":
        raise typer.BadParameter("only train runs in several processes; run this command without torchrun")
