"""Command merge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import read_text, say
from number_prediction.cli.options import Format, OutputOption
from number_prediction.cli.output import check_new, format_of


def merge(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A json, jsonl or csv file that read wrote.")
    ],
    review: Annotated[Path, typer.Argument(metavar="REVIEW.csv", help="The review of it, with corrections.")],
    output: OutputOption = None,
) -> None:
    """Put the corrections of a review into the results that it was made with.

    The format stays. Corrected numbers have confidence 1, and what was read instead stands under "corrected".
    A review of other results is refused, and so are corrections that are not what is known of their numbers.
    """
    output_format = format_of(result)
    if output_format in (None, Format.table, Format.parquet):
        raise typer.BadParameter("give a file that read wrote, .json, .jsonl or .csv", param_hint="RESULT")
    if output is not None:
        if format_of(output) is not output_format:
            raise typer.BadParameter(f"the format stays; give a file .{output_format}", param_hint="--output")
        check_new(output)

    from number_prediction.files import write_atomically
    from number_prediction.review.merge import merge_review
    from number_prediction.review.table import parse_review

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
    say(f"{merged.corrected:,} corrected, {merged.confirmed:,} confirmed, {merged.left:,} left as they were")
