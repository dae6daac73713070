"""Options of the commands that read pictures: those of predict and read, and the constraints of read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from number_prediction.cli.console import read_text
from number_prediction.cli.option_groups import Excludes, Requires, Rule
from number_prediction.cli.options import ThreadsOption
from number_prediction.constants import PDF_DPI
from number_prediction.constraints.spec import CONSTRAINTS
from number_prediction.pipeline.formats import Format

PicturesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|FOLDER|GLOB|@LIST|-",
        help="Pictures, and all pages of TIFF and PDF files. @LIST is a text file with one file name a line; "
        "- reads one file from stdin.",
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(metavar="RUN|MODEL.onnx", help="Model that reads.", show_default="the model in the package"),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the results to this new file.", show_default="stdout"),
]


@dataclass(frozen=True)
class BatchArguments:
    """What to read, and where the results go."""

    pictures: PicturesArgument
    output_format: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Format of the results.", show_default="table, or by the suffix of --output"
        ),
    ] = None
    output: OutputOption = None
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume an interrupted batch; --output must be a .csv or .jsonl file."),
    ] = False
    dpi: Annotated[
        int, typer.Option(min=10, max=2400, metavar="N", help="Resolution for rendering PDF pages.")
    ] = PDF_DPI
    threads: ThreadsOption = None
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="Read on a Ray cluster (extra cluster); also reads *.parquet files."),
    ] = False
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of the cluster, such as auto or HOST:6379.",
            show_default="start one on this machine",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Worker processes of the cluster.",
            show_default="one for each processor",
        ),
    ] = None
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column of *.parquet files with encoded pictures or paths.",
            show_default="picture, image, bytes or path",
        ),
    ] = None


BATCH_RULES: tuple[Rule, ...] = (
    Requires("address", ("cluster",)),
    Requires("workers", ("cluster",)),
    Requires("column", ("cluster",)),
    Requires("resume", ("output",)),
    Excludes(
        "cluster",
        ("resume", "threads", "explain", "annotate", "review", "roster"),
        "a cluster only reads, and writes one file at the end",
    ),
)


def _constraint_option(key: str) -> Any:
    """The option of a constraint, as the table of constraints describes it."""
    option = CONSTRAINTS[key].option
    assert option is not None
    return typer.Option(
        option.name, metavar=option.metavar, help=option.help, show_default=option.default or False
    )


@dataclass(frozen=True)
class ConstraintArguments:
    """Constraints of the numbers, as typed; the table in constraints/spec.py says what they mean."""

    digits: Annotated[str | None, _constraint_option("digits")] = None
    signs: Annotated[str | None, _constraint_option("signs")] = None
    regex: Annotated[str | None, _constraint_option("regex")] = None
    between: Annotated[str | None, _constraint_option("range")] = None
    decimals: Annotated[str | None, _constraint_option("decimals")] = None
    locale: Annotated[str | None, _constraint_option("locale")] = None
    check: Annotated[str | None, _constraint_option("check")] = None
    one_of: Annotated[str | None, _constraint_option("one_of")] = None

    def to_spec(self) -> dict[str, Any]:
        """The constraints as JSON values; raises typer.BadParameter for a value without meaning."""
        spec = {}
        for key, kind in CONSTRAINTS.items():
            option = kind.option
            text = None if option is None else getattr(self, option.parameter)
            if option is None or text is None:
                continue
            try:
                if option.parse_file is None:
                    spec[key] = option.parse(text)
                else:
                    spec[key] = option.parse_file(read_text(Path(text)), text)
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint=option.name) from error
        return spec


_PARAMETER_OF_KEY = {
    key: kind.option.parameter for key, kind in CONSTRAINTS.items() if kind.option is not None
}
CONSTRAINT_PARAMETERS = tuple(_PARAMETER_OF_KEY.values())
CONSTRAINT_RULES: tuple[Rule, ...] = tuple(
    Requires(parameter, tuple(_PARAMETER_OF_KEY[refined] for refined in CONSTRAINTS[key].refines))
    for key, parameter in _PARAMETER_OF_KEY.items()
    if CONSTRAINTS[key].refines
)
