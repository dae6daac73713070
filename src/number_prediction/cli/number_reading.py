"""The command that reads whole numbers: read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from number_prediction.cli.options import (
    DpiOption,
    FormatOption,
    OutputOption,
    PicturesArgument,
    ResumeOption,
    ThreadsOption,
)
from number_prediction.cli.results import choose_format, write_results
from number_prediction.types import PDF_DPI, ConstraintError, DataError


def read(
    pictures: PicturesArgument,
    page: Annotated[
        bool, typer.Option("--page", help="Find all numbers on each picture; else it shows one line.")
    ] = False,
    form: Annotated[
        Path | None,
        typer.Option(
            metavar="TEMPLATE.json",
            help="Each picture is a sheet of this form: read its fields.",
            show_default=False,
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(metavar="N|LEAST:MOST", help="Known: how many digits.", show_default=False),
    ] = None,
    signs: Annotated[
        str, typer.Option(metavar="SIGNS", help='Known: signs that may stand among them, such as "./".')
    ] = "",
    regex: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Known: matches all of it.", show_default=False)
    ] = None,
    between: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Known: its value.", show_default=False)
    ] = None,
    decimals: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Known: most decimals.", show_default=False)
    ] = None,
    locale: Annotated[
        str, typer.Option(metavar="NAME", help="How values are written: plain, en, de, …")
    ] = "plain",
    check: Annotated[
        str | None,
        typer.Option(metavar="luhn|isbn|iban:CC", help="Known: its check digits.", show_default=False),
    ] = None,
    one_of: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Known: it is a line of this text file.", show_default=False),
    ] = None,
    unsure: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help="Digits of less confidence are shown as ?.")
    ] = 0.0,
    model: Annotated[
        Path | None,
        typer.Option(metavar="RUN|MODEL.onnx", help="What reads.", show_default="the model in the package"),
    ] = None,
    output_format: FormatOption = None,
    output: OutputOption = None,
    resume: ResumeOption = False,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also draw what was read onto each picture.", show_default=False),
    ] = None,
    dpi: DpiOption = PDF_DPI,
    threads: ThreadsOption = None,
) -> None:
    """Read whole numbers: of one line a picture, of whole pages, or of the fields of a form.

    What is known of the numbers chooses among all readings, not only the best one, and so mends them. What
    cannot be read gives an error row, the others are read all the same, and the exit status is 1.
    """
    chosen_format = choose_format(output_format, output, resume=resume)
    known = _known(
        digits=digits, signs=signs, regex=regex, between=between, decimals=decimals, locale=locale,
        check=check, one_of=one_of,
    )  # fmt: skip
    if form is not None and (page or known):
        raise typer.BadParameter(
            "the template says what is known of its fields; leave out the other options", param_hint="--form"
        )

    from number_prediction import number_reading, tables
    from number_prediction.forms import load_form
    from number_prediction.knowledge import constraint_of
    from number_prediction.numbers import NumberPredictor

    annotated = annotate is not None
    options: dict[str, Any] = {"unsure": unsure, "annotated": annotated}
    if form is not None:
        template = load_form(form)
        layout = tables.form_layout([field.name for field in template.fields], annotated=annotated)
        reader = partial(number_reading.read_forms, template=template, **options)
    else:
        constraint = constraint_of(known)
        layout = (tables.page_layout if page else tables.line_layout)(annotated=annotated)
        of_picture = number_reading.read_pages if page else number_reading.read_lines
        reader = partial(of_picture, constraint=constraint, **options)
    predictor = NumberPredictor(model, threads=threads)
    write_results(
        pictures,
        partial(reader, predictor),
        layout,
        output_format=chosen_format,
        output=output,
        resume=resume,
        dpi=dpi,
        settings={
            "command": "read",
            "model": predictor.sha256,
            "page": page,
            "form": None if form is None else form.read_text(encoding="utf-8"),
            "known": known,
            "unsure": unsure,
        },
        explain=annotate,
    )


def _known(
    *,
    digits: str | None,
    signs: str,
    regex: str | None,
    between: str | None,
    decimals: int | None,
    locale: str,
    check: str | None,
    one_of: Path | None,
) -> dict[str, Any]:
    """What the options say of the numbers, as `knowledge` takes it."""
    known: dict[str, Any] = {"regex": regex, "decimals": decimals, "check": check}
    known = {name: value for name, value in known.items() if value is not None}
    if digits is not None:
        known["digits"] = [_whole(limit, "--digits") for limit in digits.split(":")]
        if len(known["digits"]) > 2:
            raise typer.BadParameter(f"{digits}: give one number, or LEAST:MOST", param_hint="--digits")
    if between is not None:
        low, colon, high = between.partition(":")
        if not colon:
            raise typer.BadParameter(f"{between}: give LOW:HIGH, such as 0:100", param_hint="--between")
        known["range"] = [low, high]
    if one_of is not None:
        try:
            texts = one_of.read_text(encoding="utf-8-sig").split()
        except UnicodeDecodeError as error:
            raise DataError(f"{one_of}: not text in UTF-8; give one number a line") from error
        if not texts:
            raise ConstraintError(f"{one_of}: empty; give one number a line")
        known["one_of"] = texts
    if signs and digits is None:
        raise typer.BadParameter("goes with --digits", param_hint="--signs")
    if known and locale != "plain":
        known["locale"] = locale
    return {**known, **({"signs": signs} if signs else {})}


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no whole number", param_hint=option) from None
