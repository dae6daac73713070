"""Command read: whole numbers of lines, pages and forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from number_prediction.cli.console import read_text, say
from number_prediction.cli.option_groups import Excludes, Requires, Rule, check_options, spread_groups
from number_prediction.cli.options import Size, SizeOption
from number_prediction.cli.output import chosen_format, write_results
from number_prediction.cli.reading_options import (
    BATCH_RULES,
    CONSTRAINT_PARAMETERS,
    CONSTRAINT_RULES,
    BatchArguments,
    ConstraintArguments,
    ModelOption,
)
from number_prediction.pipeline.formats import Format

if TYPE_CHECKING:
    from number_prediction.forms.template import FormTemplate
    from number_prediction.review.folder import ReviewFolder
    from number_prediction.review.roster import RosterCheck

REVIEW_BELOW_CONFIDENCE = 0.99
MAX_LISTED_NUMBERS = 10
"""Numbers that one message about the roster lists."""

RULES: tuple[Rule, ...] = (
    *BATCH_RULES,
    *CONSTRAINT_RULES,
    Requires("gap", ("page",)),
    Requires("below", ("review",)),
    Excludes("model", ("size",), "the size is that of the packaged models"),
    Excludes("form", ("page", *CONSTRAINT_PARAMETERS), "the template holds the constraints of its fields"),
    Excludes("roster", ("one_of",), "a roster already lists the allowed numbers"),
    Excludes("roster", ("resume",), "a roster is matched over all pictures at once"),
)
"""Which options need or exclude others."""


PageOption = Annotated[
    bool, typer.Option("--page", help="Find all numbers on each picture, instead of reading it as one line.")
]
GapOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        max=10,
        metavar="X",
        help="With --page: widest space inside a number, in digit heights.",
        show_default="0.6",
    ),
]
FormOption = Annotated[
    Path | None,
    typer.Option(
        metavar="TEMPLATE.json",
        help="Read the fields of this form; each picture is a filled sheet.",
        show_default=False,
    ),
]
RosterOption = Annotated[
    str | None,
    typer.Option(
        metavar="[FIELD=]FILE",
        help="Class list: match each number on it to at most one number read. With --form, name the field.",
        show_default=False,
    ),
]
UnsureOption = Annotated[
    float, typer.Option(min=0, max=1, metavar="X", help="Show digits below this confidence as ?.")
]
AnnotateOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Also draw the results onto each picture.", show_default=False),
]
ReviewOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Also write a page and a CSV file to correct doubtful numbers; see merge.",
        show_default=False,
    ),
]
BelowOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="X",
        help="With --review: numbers below this confidence are doubtful.",
        show_default=str(REVIEW_BELOW_CONFIDENCE),
    ),
]


@spread_groups
def read(
    context: typer.Context,
    *,
    page: PageOption = False,
    gap: GapOption = None,
    form: FormOption = None,
    constraints: ConstraintArguments,
    roster: RosterOption = None,
    model: ModelOption = None,
    size: SizeOption = Size.base,
    unsure: UnsureOption = 0.0,
    annotate: AnnotateOption = None,
    review: ReviewOption = None,
    below: BelowOption = None,
    batch: BatchArguments,
) -> None:
    """Read whole numbers from lines, from pages, or from the fields of a form.

    Every possible reading is ranked under the constraints, not just the best one. A page that cannot be read
    gives a row with an error. The other pages are still read, and the exit status is 1.
    """
    check_options(context, RULES)
    output_format = chosen_format(batch)
    if review is not None and output_format in (Format.table, Format.parquet):
        raise typer.BadParameter(
            "corrections are merged into CSV or JSON; add --output FILE.csv, .json or .jsonl",
            param_hint="--review",
        )
    spec = constraints.to_spec()

    from number_prediction.forms.template import load_form
    from number_prediction.numbers.predictor import NumberPredictor
    from number_prediction.pipeline.found import Wanted
    from number_prediction.pipeline.number_readers import form_reader, line_reader, page_reader

    template = None if form is None else load_form(form)
    check = None if roster is None else _open_roster(roster, template)
    doubtful_below = 0.0 if review is None else REVIEW_BELOW_CONFIDENCE if below is None else below
    wanted = Wanted(unsure, annotate is not None, doubtful_below, None if check is None else check.roster)
    predictor = NumberPredictor(model, size=size.value, threads=1 if batch.cluster else batch.threads)
    if template is not None:
        reader = form_reader(predictor, template, wanted=wanted)
    elif page:
        reader = page_reader(predictor, spec, wanted=wanted, gap=gap)
    else:
        reader = line_reader(predictor, spec, wanted=wanted)
    folder = None if review is None else _open_review(review, doubtful_below, batch, output_format)
    try:
        write_results(
            reader,
            batch,
            drawings=annotate,
            settings={"review": None if review is None else str(review)},
            watch=[each.collect for each in (check, folder) if each is not None],
        )
    finally:
        if check is not None and check.is_complete:
            _say_roster(check)
        if folder is not None and folder.is_begun:
            folder.write_page()
            say(f"to review: {folder.count:,} numbers, {folder.page}")


def _open_review(folder: Path, below: float, batch: BatchArguments, output_format: Format) -> ReviewFolder:
    from number_prediction.review.folder import ReviewFolder

    result = batch.output or Path(f"RESULT.{output_format}")
    return ReviewFolder(folder, below=below, result=result, resume=batch.resume)


def _open_roster(text: str, template: FormTemplate | None) -> RosterCheck:
    """The class list of [FIELD=]FILE; the field may be left out if the form has only one."""
    from number_prediction.constraints.class_list import parse_class_list
    from number_prediction.review.roster import RosterCheck

    field, path = None, text
    if template is not None:
        field, is_named, path = text.partition("=")
        if not is_named:
            field, path = template.fields[0].name, text
            if len(template.fields) > 1:
                raise typer.BadParameter(
                    f"{text}: name the form's field that holds these numbers: FIELD=FILE",
                    param_hint="--roster",
                )
    return RosterCheck(parse_class_list(read_text(Path(path)), path), field)


def _say_roster(check: RosterCheck) -> None:
    for words, found in (
        ("on the roster, but not read", check.missing),
        ("read, but not on the roster", check.unmatched),
        ("uncertain matches", check.uncertain),
    ):
        if found:
            more = len(found) - MAX_LISTED_NUMBERS
            listed = "; ".join(found[:MAX_LISTED_NUMBERS]) + (f"; and {more:,} more" if more > 0 else "")
            say(f"{words}: {len(found):,} ({listed})")
