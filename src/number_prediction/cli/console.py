"""What commands share besides options: messages, exit statuses, folders and text files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from number_prediction.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from rich.console import Console


EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a failed import into an error that names the command to install the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, name) from error


@contextmanager
def stoppable(how_to_resume: str) -> Iterator[None]:
    """Turn Ctrl-C in a training into a message and exit status 130; the training is saved by then."""
    from number_prediction.training.loop.fit import Interrupted

    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        say(f"stopped and saved; {how_to_resume}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def given_options(context: typer.Context) -> set[str]:
    """The names of the parameters that were given on the command line."""
    return {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }


def make_console() -> Console:
    """A rich console on stderr."""
    from rich.console import Console

    return Console(stderr=True)


def say(message: str) -> None:
    """Print a message for people to stderr."""
    print(message, file=sys.stderr, flush=True)


def open_in_browser(page: Path) -> None:
    """Open a page, or say that no browser can be opened."""
    import os
    import webbrowser

    has_screen = (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if not (has_screen and webbrowser.open(page.resolve().as_uri())):
        say("no browser could be opened here; open the file above")


def read_text(path: Path) -> str:
    """Read a UTF-8 file; raises DataError for other encodings."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8; save it as UTF-8") from error
