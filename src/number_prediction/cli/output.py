"""Commands that read pictures: `BatchArguments` -> rows on stdout or in a file, notes on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from number_prediction.cli.console import EXIT_FAILED, EXIT_INTERRUPTED, say
from number_prediction.cli.reading_options import BatchArguments
from number_prediction.errors import DataError
from number_prediction.pipeline.formats import Format, choose_format

if TYPE_CHECKING:
    from number_prediction.pipeline.batch import BatchReader, BatchStart, Watch


def chosen_format(arguments: BatchArguments) -> Format:
    """The format that --format and --output mean; raises typer.BadParameter if they contradict."""
    if arguments.output is None:
        if arguments.output_format is Format.parquet:
            raise typer.BadParameter("parquet needs a file; add --output FILE.parquet", param_hint="--format")
        return arguments.output_format or Format.table
    try:
        output_format = choose_format(arguments.output, arguments.output_format)
    except DataError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from error
    if arguments.resume and not output_format.can_be_resumed:
        raise typer.BadParameter(
            f"a {output_format} file cannot be resumed; choose a .csv or .jsonl file", param_hint="--output"
        )
    return output_format


def write_results(
    reader: BatchReader,
    arguments: BatchArguments,
    *,
    drawings: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    watch: Sequence[Watch] = (),
) -> None:
    """Read the pictures, and write one row for each page; prints the path of the file, if there is one.

    Args:
        reader: what reads the pages.
        arguments: what was typed.
        drawings: folder for the drawings of a reader that explains.
        settings: other values that must be the same to resume the batch.
        watch: called in order with the rows on their way to the file.

    Raises:
        typer.Exit: some pages could not be read, or Ctrl-C stopped a batch that can be resumed.
        NumberPredictionError: as `read_to_file` raises it.
    """
    from number_prediction.pipeline.batch import (
        BatchOptions,
        ClusterOptions,
        is_resumable,
        read_to_file,
        read_to_stream,
    )

    cluster = None
    if arguments.cluster:
        cluster = ClusterOptions(arguments.address, arguments.workers, arguments.column)
    output_format = chosen_format(arguments)
    options = BatchOptions(
        output_format=output_format,
        dpi=arguments.dpi,
        drawings=drawings,
        cluster=cluster,
        settings=settings or {},
    )
    if arguments.output is None:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names can be any bytes
        summary = read_to_stream(
            arguments.pictures, reader, sys.stdout, options=options, watch=watch, on_start=_say_start
        )
    else:
        try:
            summary = read_to_file(
                arguments.pictures,
                reader,
                arguments.output,
                resume=arguments.resume,
                options=options,
                watch=watch,
                on_start=_say_start,
            )
        except KeyboardInterrupt:
            if not is_resumable(reader, output_format, options):
                raise
            say("stopped; all rows so far are kept. To resume, run the same command with --resume")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        print(arguments.output)
    if drawings is not None:
        say(f"drawings: {drawings}")
    if summary.failed:
        raise typer.Exit(EXIT_FAILED)


def _say_start(start: BatchStart) -> None:
    if start.skipped:
        say(f"skipped, not pictures: {start.skipped:,} files in folders")
    if start.kept:
        say(f"kept: {start.kept:,} rows of an earlier run")
    if start.changed:
        say(f"changed since an earlier run, read again: {start.changed:,} files")
