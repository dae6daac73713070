"""Command read: whole numbers, of lines, pages and forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from number_prediction.cli.console import read_text, say
from number_prediction.cli.options import (
    AddressOption,
    ClusterOption,
    ColumnOption,
    DpiOption,
    Format,
    FormatOption,
    OutputOption,
    PicturesArgument,
    ResumeOption,
    ThreadsOption,
    WorkersOption,
)
from number_prediction.cli.output import choose_cluster, choose_format, write_results
from number_prediction.constants import PDF_DPI

if TYPE_CHECKING:
    from number_prediction.constraints.class_list import ClassList
    from number_prediction.forms.template import FormTemplate
    from number_prediction.numbers.predictor import NumberPredictor
    from number_prediction.pipeline.layouts import ColumnLayout
    from number_prediction.pipeline.readers import Wanted
    from number_prediction.pipeline.rows import Reader, Row


REVIEW_BELOW = 0.99
"""Confidence below which numbers are reviewed."""
DOUBTFUL_ON_ROSTER_BELOW = 0.9
"""Confidence below which what a roster gives is named."""
MOST_NAMED = 10
"""Of what a roster leaves."""


def read(
    pictures: PicturesArgument,
    page: Annotated[
        bool, typer.Option("--page", help="Find all numbers on each picture; else it shows one line.")
    ] = False,
    gap: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=10,
            help="Of a page: the widest space inside a number, in heights of its digits.",
            show_default="0.6",
        ),
    ] = None,
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
        typer.Option(metavar="FILE", help="Known: it is a number of this list.", show_default=False),
    ] = None,
    roster: Annotated[
        str | None,
        typer.Option(
            metavar="[FIELD=]FILE",
            help="Known: each is another number of this class list, over all pictures. "
            "With --form, of which field.",
            show_default=False,
        ),
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
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also make a page and a CSV file to correct doubtful numbers; see merge.",
            show_default=False,
        ),
    ] = None,
    below: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="X", help="Doubtful: of less confidence.", show_default=str(REVIEW_BELOW)
        ),
    ] = None,
    dpi: DpiOption = PDF_DPI,
    threads: ThreadsOption = None,
    cluster: ClusterOption = False,
    address: AddressOption = None,
    workers: WorkersOption = None,
    column: ColumnOption = None,
) -> None:
    """Read whole numbers: of one line a picture, of whole pages, or of the fields of a form.

    What is known of the numbers chooses among all readings, not only the best one, and so mends them. What
    cannot be read gives an error row, the others are read all the same, and the exit status is 1.
    """
    chosen_format = choose_format(output_format, output, resume=resume)
    chosen_cluster = choose_cluster(
        cluster,
        address,
        workers,
        column,
        others={
            "--resume": resume,
            "--roster": roster,
            "--annotate": annotate,
            "--review": review,
            "--threads": threads,
        },
    )
    if roster is not None and one_of is not None:
        raise typer.BadParameter("says what --one-of says, and more; leave that out", param_hint="--roster")
    known = _known(
        digits=digits, signs=signs, regex=regex, between=between, decimals=decimals, locale=locale,
        check=check, one_of=one_of,
    )  # fmt: skip
    if gap is not None and not page:
        raise typer.BadParameter("goes with --page", param_hint="--gap")
    if form is not None and (page or known):
        raise typer.BadParameter(
            "the template says what is known of its fields; leave out the other options", param_hint="--form"
        )
    if roster is not None and resume:
        raise typer.BadParameter(
            "gives out its numbers over all pictures at once; leave out --resume", param_hint="--roster"
        )
    if below is not None and review is None:
        raise typer.BadParameter("goes with --review", param_hint="--below")
    if review is not None and chosen_format in (Format.table, Format.parquet):
        raise typer.BadParameter(
            "corrections are merged into jsonl, json or csv; give an --output FILE of these",
            param_hint="--review",
        )

    from number_prediction.forms.template import load_form
    from number_prediction.numbers.predictor import NumberPredictor
    from number_prediction.pipeline.readers import Roster, Wanted

    template = None if form is None else load_form(form)
    class_list, of_field = (None, None) if roster is None else _class_list(roster, template)
    doubtful = 0.0 if review is None else REVIEW_BELOW if below is None else below
    on_roster = None if class_list is None else Roster(class_list.numbers, of_field)
    wanted = Wanted(unsure, annotate is not None, doubtful, on_roster)
    predictor = NumberPredictor(model, threads=threads if chosen_cluster is None else 1)
    reader, layout = _make_reader(predictor, known, wanted, template=template, page=page, gap=gap)
    watch: list[Callable[[Iterable[Row]], Iterator[Row]]] = []
    if class_list is not None:
        watch.append(partial(_say_who_is_who, class_list, of_field))
    folder = None
    if review is not None:
        from number_prediction.review.folder import ReviewFolder

        result = output or Path(f"RESULT.{chosen_format}")
        folder = ReviewFolder(review, below=doubtful, result=result, resume=resume)
        watch.append(folder.collect)
    try:
        write_results(
            pictures,
            reader,
            layout,
            output_format=chosen_format,
            output=output,
            resume=resume,
            dpi=dpi,
            settings={
                "command": "read",
                "model": predictor.sha256,
                "page": page,
                "gap": gap,
                "form": None if form is None else form.read_text(encoding="utf-8"),
                "known": known,
                "unsure": unsure,
                "review": None if review is None else str(review),
                "below": doubtful,
            },
            explain=annotate,
            watch=watch,
            at_once=class_list is not None,
            cluster=chosen_cluster,
        )
    finally:
        if folder is not None and folder.is_begun:
            folder.write_page()
            say(f"to look at: {folder.count:,} numbers, {folder.page}")


def _make_reader(
    predictor: NumberPredictor,
    known: dict[str, Any],
    wanted: Wanted,
    *,
    template: FormTemplate | None,
    page: bool,
    gap: float | None,
) -> tuple[Reader, ColumnLayout]:
    """What reads the pictures, and how it is shown."""
    from number_prediction.layout.lines import GAP
    from number_prediction.pipeline import layouts, readers

    if template is not None:
        names = [field.name for field in template.fields]
        reader = readers.form_reader(predictor, template, wanted=wanted)
        return reader, layouts.form_layout(names, annotated=wanted.annotated)
    if page:
        reader = readers.page_reader(predictor, known, wanted=wanted, gap=gap or GAP)
        return reader, layouts.page_layout(annotated=wanted.annotated)
    reader = readers.line_reader(predictor, known, wanted=wanted)
    return reader, layouts.line_layout(annotated=wanted.annotated)


def _class_list(text: str, template: FormTemplate | None) -> tuple[ClassList, str | None]:
    """The class list that [FIELD=]FILE means, and the field of the form."""
    if template is None:
        return _read_class_list(Path(text)), None
    field, is_named, path = text.partition("=")
    if not is_named and len(template.fields) == 1:
        field, is_named, path = template.fields[0].name, "=", text
    if not is_named:
        raise typer.BadParameter("name the form's field that it is of: FIELD=FILE", param_hint="--roster")
    return _read_class_list(Path(path)), field


def _say_who_is_who(class_list: ClassList, of_field: str | None, rows: Iterable[Row]) -> Iterator[Row]:
    """Hand rows on; at their end, say what of the roster and of the numbers is left, and what is doubtful."""
    from number_prediction.review.table import name_place, numbers_of

    left = dict.fromkeys(class_list.numbers)
    nobody, doubtful = [], []
    for row in rows:
        for name, number in numbers_of(row.values).items():
            if of_field not in (None, name):
                continue
            place = name_place(row.path, row.page, name)
            if not number["text"]:
                nobody.append(place)
                continue
            left.pop(number["text"], None)
            if number["confidence"] < DOUBTFUL_ON_ROSTER_BELOW:
                who = class_list.describe(number["text"])
                doubtful.append(f"{place}: {who} ({number['confidence']:.1%})")
        yield row
    for words, found in (
        ("in the roster, but not read", [class_list.describe(number) for number in left]),
        ("nobody's in the roster", nobody),
        ("doubtful by the roster", doubtful),
    ):
        if found:
            more = f"; and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
            say(f"{words}: {len(found):,} ({'; '.join(found[:MOST_NAMED])}{more})")


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
        known["one_of"] = list(_read_class_list(one_of).numbers)
    if signs and digits is None:
        raise typer.BadParameter("goes with --digits", param_hint="--signs")
    if locale != "plain":
        if not {"range", "decimals"} & known.keys():
            raise typer.BadParameter("goes with --between or --decimals", param_hint="--locale")
        known["locale"] = locale
    return {**known, **({"signs": signs} if signs else {})}


def _read_class_list(path: Path) -> ClassList:
    from number_prediction.constraints.class_list import parse_class_list

    return parse_class_list(read_text(path), str(path))


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no whole number", param_hint=option) from None
