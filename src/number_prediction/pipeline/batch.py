"""Names of pictures and a reader -> a file of results, which an interrupted batch can resume.

    reader = digit_reader(Predictor())
    summary = read_to_file("scans", reader, "digits.csv", resume=True)

Nothing is printed here. `on_start` and `watch` report progress; the summary says what was written.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from number_prediction.constants import PDF_DPI
from number_prediction.errors import DataError, ImageError
from number_prediction.files import open_atomically
from number_prediction.images.decode import Page
from number_prediction.images.sources import Sources, find_sources
from number_prediction.pipeline.formats import Format, choose_format
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Explained, Reader, Row, read_sources, save_drawings
from number_prediction.pipeline.writers import write_rows

SourceNames: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"
"""One or several files, folders, globs, "@LIST" or "-", as `find_sources` takes them."""
Watch: TypeAlias = Callable[[Iterable[Row]], Iterator[Row]]
"""Sees each row before it is written, and hands it on; for progress and for files of one's own."""


@dataclass(frozen=True, eq=False)
class BatchReader:
    """A reader whose results can be written to a file; also a plain reader, when called with pages."""

    read: Reader
    layout: ColumnLayout
    """How its values become columns."""
    settings: Mapping[str, Any]
    """Everything that decides the values, ready for JSON; a batch is resumed with the same settings only."""
    needs_all_pages: bool = False
    """Whether the first result comes after the last page. Such a batch cannot be resumed."""

    def __call__(self, pages: Iterable[Page]) -> Iterable[dict[str, Any] | Explained | ImageError]:
        return self.read(pages)


@dataclass(frozen=True)
class ClusterOptions:
    """The Ray cluster that reads, instead of this process."""

    address: str | None = None
    """Of a running cluster, such as "auto"; None starts one on this machine, which ends with the batch."""
    workers: int | None = None
    """Processes that read; None is one for each processor."""
    column: str | None = None
    """The column of pictures, if the sources are Parquet files."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is read and written."""

    output_format: Format | None = None
    """None: by the suffix of the file."""
    dpi: int = PDF_DPI
    """Resolution at which the pages of a PDF are rendered."""
    drawings: Path | None = None
    """Folder for the drawings of a reader that explains its values; None writes none."""
    cluster: ClusterOptions | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values besides the reader's settings that must be the same to resume the batch, ready for JSON."""


@dataclass(frozen=True)
class BatchStart:
    """What is known about a batch before its first page is read."""

    skipped: int
    """Files in the folders that are not pictures."""
    kept: int = 0
    """Rows that an earlier run wrote."""
    changed: int = 0
    """Sources that changed since an earlier run, and are read again."""


@dataclass(frozen=True)
class BatchSummary:
    """What a batch has written."""

    start: BatchStart
    rows: int
    """Rows of this run; the kept ones are not counted."""
    failed: int
    """Rows with an error, the kept ones included."""


OnStart: TypeAlias = Callable[[BatchStart], object]
DEFAULT_OPTIONS = BatchOptions()


def read_to_file(
    sources: SourceNames,
    reader: BatchReader,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    options: BatchOptions = DEFAULT_OPTIONS,
    watch: Sequence[Watch] = (),
    on_start: OnStart | None = None,
) -> BatchSummary:
    """Read pictures, and write one row for each page to a new file.

    A JSON Lines or CSV file grows row by row. After a Ctrl-C or a crash, the same call with `resume` reads
    only the pages without a row, and the files that have changed. Other formats are written when all pages
    are read.

    Args:
        sources: files, folders, globs, "@LIST" or "-", one or several.
        reader: what reads the pages, such as `digit_reader(Predictor())`.
        output: the file; its suffix names the format: .csv, .jsonl, .json, .txt (a table) or .parquet.
        resume: continue the file if it exists.
        options: resolution, drawings, cluster and more.
        watch: called in order with the rows on their way to the file.
        on_start: called once, before the first page is read.

    Raises:
        DataError: the file exists and is not resumed, cannot be resumed, or has an unknown suffix.
        ClusterError: the cluster cannot be reached, or failed.
        MissingExtraError: the cluster, the format or a source needs an extra.
        OSError: a file cannot be written.
        KeyboardInterrupt: as usual; a file for which `is_resumable` keeps the rows written so far.
    """
    path = Path(output)
    output_format = choose_format(path, options.output_format)
    resumable = is_resumable(reader, output_format, options)
    if resume and not resumable:
        raise DataError(
            f"{path}: this batch cannot be resumed; only CSV and JSON Lines files can, without a cluster and "
            "without a roster"
        )
    batch = _Batch(find_sources(_list_names(sources)), reader, options, watch, on_start)
    if resumable:
        return _append_to_journal(batch, path, output_format, resume=resume)
    check_new(path)
    with open_atomically(path) as stream:
        if output_format is Format.parquet:
            from number_prediction.pipeline.parquet import write_parquet

            return batch.run(lambda rows: write_parquet(rows, reader.layout, stream))
        text = io.TextIOWrapper(stream, "utf-8", "backslashreplace", newline="")
        summary = batch.run(lambda rows: write_rows(rows, output_format, reader.layout, text))
        text.detach()
        return summary


def read_to_stream(
    sources: SourceNames,
    reader: BatchReader,
    stream: TextIO,
    *,
    options: BatchOptions = DEFAULT_OPTIONS,
    watch: Sequence[Watch] = (),
    on_start: OnStart | None = None,
) -> BatchSummary:
    """Read pictures, and write one row for each page to a stream, as a table unless `options` say otherwise.

    The other arguments and the errors are those of `read_to_file`. Parquet cannot be written to a stream.
    """
    output_format = options.output_format or Format.table
    if output_format is Format.parquet:
        raise DataError("Parquet needs a file; use read_to_file")
    batch = _Batch(find_sources(_list_names(sources)), reader, options, watch, on_start)
    return batch.run(lambda rows: write_rows(rows, output_format, reader.layout, stream))


def is_resumable(reader: BatchReader, output_format: Format, options: BatchOptions = DEFAULT_OPTIONS) -> bool:
    """Whether an interrupted batch keeps its rows and can be resumed."""
    return output_format.can_be_resumed and not reader.needs_all_pages and options.cluster is None


def check_new(output: Path) -> None:
    """Raise DataError if a file exists already, or its folder does not."""
    if output.exists():
        raise DataError(f"{output}: already exists; choose another output, or remove the file")
    if not output.parent.is_dir():
        raise DataError(f"{output.parent}: no such folder; create it, or choose another output")


def _list_names(sources: SourceNames) -> list[str]:
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    return [os.fspath(source) for source in sources]


@dataclass
class _Tally:
    """Counts the rows that pass."""

    rows: int = 0
    failed: int = 0

    def count(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.rows += 1
            self.failed += row.error is not None
            yield row


@dataclass(frozen=True, eq=False)
class _Batch:
    """The arguments of a batch, with its sources found."""

    sources: Sources
    reader: BatchReader
    options: BatchOptions
    watch: Sequence[Watch]
    on_start: OnStart | None

    def begin(self, *, kept: int = 0, changed: int = 0) -> BatchStart:
        start = BatchStart(self.sources.skipped, kept, changed)
        if self.on_start is not None:
            self.on_start(start)
        return start

    def rows(self, finished: Mapping[str, Container[int]] | None = None) -> Iterator[Row]:
        names, options = self.sources.names, self.options
        if options.cluster is None:
            rows = read_sources(names, self.reader.read, dpi=options.dpi, finished=finished)
        else:
            rows = _read_on_cluster(names, self.reader.read, options.dpi, options.cluster)
        if options.drawings is not None:
            rows = save_drawings(rows, names, options.drawings)
        for each in self.watch:
            rows = each(rows)
        return rows

    def run(self, write: Callable[[Iterable[Row]], object]) -> BatchSummary:
        """Read all pages, and hand their rows to `write`."""
        start, tally = self.begin(), _Tally()
        write(tally.count(self.rows()))
        return BatchSummary(start, tally.rows, tally.failed)


def _append_to_journal(batch: _Batch, path: Path, output_format: Format, *, resume: bool) -> BatchSummary:
    """Write each row as soon as it is read."""
    from number_prediction.pipeline.journal import Journal

    drawings = batch.options.drawings
    journal = Journal(
        path,
        batch.sources.names,
        output_format=output_format,
        layout=batch.reader.layout,
        settings={
            **batch.reader.settings,
            **batch.options.settings,
            "dpi": batch.options.dpi,
            "drawings": None if drawings is None else str(drawings),
        },
        resume=resume,
    )
    with journal:
        start, tally = batch.begin(kept=journal.kept, changed=journal.changed), _Tally()
        for row in tally.count(batch.rows(journal.finished)):
            journal.add(row)
    return BatchSummary(start, tally.rows, journal.failed)


def _read_on_cluster(names: Sequence[str], read: Reader, dpi: int, cluster: ClusterOptions) -> Iterator[Row]:
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
