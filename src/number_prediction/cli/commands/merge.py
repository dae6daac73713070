"""Command merge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import read_text, say
from number_prediction.cli.reading_options import OutputOption
from number_prediction.pipeline.formats import Format, format_of


def merge(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A .json, .jsonl or .csv file from read.")],
    review: Annotated[Path, typer.Argument(metavar="REVIEW.csv", help="Its review, with corrections.")],
    output: OutputOption = None,
) -> None:
    """Merge the corrections of a review into the results of read.

    The format stays the same. A corrected number has confidence 1; its first reading is kept under
    "corrected". Corrections that break a constraint are refused, and so is the review of another result.
    """
    output_format = format_of(result)
    if output_format not in (Format.json, Format.jsonl, Format.csv):
        raise typer.BadParameter(
            f"{result} is not a .json, .jsonl or .csv file; give a file from read", param_hint="RESULT"
        )
    if output is not None and format_of(output) is not output_format:
        raise typer.BadParameter(
            f"{output}: the format stays {output_format}; end the name in .{output_format}",
            param_hint="--output",
        )

    from number_prediction.files import write_atomically
    from number_prediction.pipeline.batch import check_new
    from number_prediction.review.merge import merge_review
    from number_prediction.review.table import parse_review

    if output is not None:
        check_new(output)
    merged = merge_review(
        read_text(result),
        str(output_format),
        parse_review(review.read_bytes(), str(review)),
        result_name=str(result),
        review_name=str(review),
    )
    if output is None:
        sys.stdout.write(merged.content)
    else:
        write_atomically(output, merged.content)
        print(output)
    say(f"{merged.corrected:,} corrected, {merged.confirmed:,} confirmed, {merged.left:,} unchanged")
