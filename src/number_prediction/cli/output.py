"""What the commands that read pictures share: from the names that were typed to rows where they belong."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from number_prediction.cli.console import EXIT_FAILED, EXIT_INTERRUPTED, say
from number_prediction.cli.options import Format

if TYPE_CHECKING:
    from number_prediction.pipeline.journal import Journal
    from number_prediction.pipeline.layouts import ColumnLayout
    from number_prediction.pipeline.rows import Reader, Row

_FORMAT_OF_SUFFIX = {
    ".txt": Format.table,
    ".json": Format.json,
    ".jsonl": Format.jsonl,
    ".csv": Format.csv,
    ".parquet": Format.parquet,
}


@dataclass(frozen=True)
class ClusterChoice:
    """Where a Ray cluster reads, as `cluster.read_on_cluster` takes it."""

    address: str | None
    """None for one on this machine."""
    workers: int | None
    column: str | None


def choose_cluster(
    wanted: bool,
    address: str | None,
    workers: int | None,
    column: str | None,
    *,
    others: Mapping[str, object],
) -> ClusterChoice | None:
    """What --cluster, --address, --workers and --column mean; None without a cluster.

    Args:
        wanted: whether a cluster is to read.
        address: of the cluster; None for one on this machine.
        workers: how many.
        column: of Parquet files.
        others: options that do not go with a cluster, and what was given for them.

    Raises:
        typer.BadParameter: they contradict.
    """
    if not wanted:
        of_cluster: Mapping[str, object] = {"--address": address, "--workers": workers, "--column": column}
        for option, given in of_cluster.items():
            if given is not None:
                raise typer.BadParameter("goes with --cluster", param_hint=option)
        return None
    for option, given in others.items():
        if given:
            raise typer.BadParameter("does not go with --cluster", param_hint=option)
    return ClusterChoice(address, workers, column)


def format_of(path: Path) -> Format | None:
    """The format that the suffix of a file means."""
    return _FORMAT_OF_SUFFIX.get(path.suffix.lower())


def choose_format(output_format: Format | None, output: Path | None, *, resume: bool) -> Format:
    """The format that --format, --output and --resume mean; raises typer.BadParameter if they contradict."""
    named = Format.table if output is None else format_of(output)
    if output_format is None:
        output_format = named
    elif output is not None and named not in (None, output_format):
        raise typer.BadParameter(
            f"{output} is named as a file of {named}; leave out --format, or name it otherwise",
            param_hint="--format",
        )
    if output_format is None:
        raise typer.BadParameter(
            f"its suffix is none of {', '.join(_FORMAT_OF_SUFFIX)}; give a --format", param_hint="--output"
        )
    if resume and (output is None or not output_format.can_be_resumed):
        raise typer.BadParameter("takes an --output FILE of jsonl or csv", param_hint="--resume")
    if output is None and output_format is Format.parquet:
        raise typer.BadParameter("parquet takes an --output FILE", param_hint="--format")
    return output_format


def write_results(
    pictures: Sequence[str],
    read: Reader,
    layout: ColumnLayout,
    *,
    output_format: Format,
    output: Path | None,
    resume: bool,
    dpi: int,
    settings: Mapping[str, Any],
    explain: Path | None = None,
    watch: Sequence[Callable[[Iterable[Row]], Iterator[Row]]] = (),
    at_once: bool = False,
    cluster: ClusterChoice | None = None,
) -> None:
    """Read pictures and write a row a page; prints the path of the file it wrote.

    Args:
        pictures: files, folders, globs and "-", as they were typed.
        read: what reads a page.
        layout: how its values become cells.
        output_format: as `choose_format` gives it.
        output: a file; None is stdout.
        resume: whether to go on with the file.
        dpi: at which a PDF is rendered.
        settings: all besides `dpi` and `explain` that decides what rows say, ready for JSON.
        explain: a folder for the drawings of a reader that explains.
        watch: what rows pass through, in order, before they are written.
        at_once: whether the reader gives the first row after it has taken the last page, so that a batch that
            was killed has nothing to go on with.
        cluster: what reads, instead of this process; then a file of any format is written at the end.

    Raises:
        DataError: the file is there already, or cannot be gone on with.
        ClusterError: the cluster cannot be reached, or failed.
        MissingExtraError: the cluster or the format needs an extra.
        typer.Exit: something could not be read.
    """
    from number_prediction.images.sources import find_sources
    from number_prediction.pipeline.journal import Journal
    from number_prediction.pipeline.rows import read_sources, save_drawings
    from number_prediction.pipeline.writers import write_rows

    sources = find_sources(pictures)
    if sources.skipped:
        say(f"left out, as no pictures: {sources.skipped:,} files in folders")

    def read_rows(finished: Mapping[str, Container[int]] | None = None) -> Iterator[Row]:
        if cluster is None:
            rows = read_sources(sources.names, read, dpi=dpi, finished=finished)
        else:
            rows = _read_on(cluster, sources.names, read, dpi)
        if explain is not None:
            rows = save_drawings(rows, sources.names, explain)
        for each in watch:
            rows = each(rows)
        return rows

    if output is None:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names can be any bytes
        failed = write_rows(read_rows(), output_format, layout, sys.stdout)
    elif output_format.can_be_resumed and not at_once and cluster is None:
        journal = Journal(
            output,
            sources.names,
            output_format=output_format,
            layout=layout,
            settings={**settings, "dpi": dpi, "explain": None if explain is None else str(explain)},
            resume=resume,
        )
        failed = _append_rows(journal, read_rows)
    else:
        failed = _write_at_once(output, read_rows(), output_format, layout)
    if output is not None:
        print(output)
    if explain is not None:
        say(f"drawings: {explain}")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _append_rows(journal: Journal, read_rows: Callable[..., Iterator[Row]]) -> int:
    """Write each row when it is there; how many rows are errors."""
    if journal.kept:
        say(f"there already: {journal.kept:,} rows")
    if journal.changed:
        say(f"changed since they were read, and read again: {journal.changed:,} files")
    try:
        with journal:
            for row in read_rows(finished=journal.finished):
                journal.add(row)
    except KeyboardInterrupt:
        say("stopped; all rows so far are kept: to go on, give the same command with --resume")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return journal.failed


def _read_on(cluster: ClusterChoice, names: Sequence[str], read: Reader, dpi: int) -> Iterator[Row]:
    from number_prediction.pipeline.cluster import read_on_cluster
    from number_prediction.pipeline.ray_session import LOCAL

    return read_on_cluster(
        names,
        read,
        address=cluster.address or LOCAL,
        workers=cluster.workers,
        column=cluster.column,
        dpi=dpi,
    )


def _write_at_once(output: Path, rows: Iterable[Row], output_format: Format, layout: ColumnLayout) -> int:
    """Write a file that has its name once all rows are there; how many are errors."""
    from number_prediction.files import open_atomically
    from number_prediction.pipeline.writers import write_rows

    check_new(output)
    with open_atomically(output) as stream:
        if output_format is Format.parquet:
            from number_prediction.pipeline.parquet import write_parquet

            return write_parquet(rows, layout, stream)
        text = io.TextIOWrapper(stream, "utf-8", "backslashreplace", newline="")
        failed = write_rows(rows, output_format, layout, text)
        text.detach()
        return failed


def check_new(output: Path) -> None:
    """Raise DataError where a file is there already, or its folder is not."""
    from number_prediction.errors import DataError

    if output.exists():
        raise DataError(f"{output}: is there already; choose another output")
    if not output.parent.is_dir():
        raise DataError(f"{output.parent}: no such folder; make it, or choose another output")
