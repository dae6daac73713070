"""Names of pictures -> a reader on many machines -> rows, by Ray Data. Needs the extra `cluster` (Ray).

The rows are those of `rows.read_sources`, in the same order. This process sends names and receives rows.
Each worker holds the reader with its model, takes one batch of pictures at a time, opens the files itself,
and reads on one processor. If a worker dies, its batch is read again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import accumulate, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from number_prediction.constants import PDF_DPI
from number_prediction.errors import ClusterError, DataError, MissingExtraError
from number_prediction.images.sources import STDIN
from number_prediction.pipeline.parquet import Part, Picture, find_parts, read_part
from number_prediction.pipeline.ray_session import LOCAL, connected, plain_errors
from number_prediction.pipeline.rows import Reader, Row, read_sources

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.data import DataContext, Dataset


try:
    import pyarrow
except ModuleNotFoundError as error:
    raise MissingExtraError.of(error, "cluster") from error
MAX_BATCH_PICTURES = 500
MIN_BATCHES_PER_WORKER = 8
"""With few pictures the batches are smaller, so that each worker gets this many."""
MAX_BATCH_BYTES = 16 * 2**20
"""Approximate size of the encoded pictures of a batch from a Parquet file."""
MAX_ANSWER_ROWS = 100
"""Rows in one answer of a worker, since one document may have thousands of pages."""

ANSWER = pyarrow.schema(
    {
        "first": pyarrow.int64(),  # as in the batch
        "part": pyarrow.int64(),  # earlier answers to the same batch
        "pictures": pyarrow.int64(),  # in the batch; null if another part follows
        "rows": pyarrow.string(),  # as JSON, which keeps all numbers and any file name
    }
)
"""An answer of a worker: the columns of a table with one row."""

_PARQUET = ".parquet"
_BATCH = pyarrow.schema(
    {
        "first": pyarrow.int64(),  # pictures before this batch
        "names": pyarrow.list_(pyarrow.binary()),
        "contents": pyarrow.list_(pyarrow.binary()),  # null for the file of this name
    }
)


def read_on_cluster(
    names: Sequence[str],
    read: Reader,
    *,
    address: str = LOCAL,
    workers: int | None = None,
    column: str | None = None,
    dpi: int = PDF_DPI,
) -> Iterator[Row]:
    """Read pictures on a Ray cluster; gives one row for each page, in the order of the pictures.

    Args:
        names: files of pictures, as `find_sources` gives them, or *.parquet files with a column of pictures.
            Workers open them by the same names, in a working folder of the same path.
        read: the reader; it is pickled.
        address: LOCAL, or the address of a running cluster, as `ray.init` takes it. A Ray cluster that this
            process is connected to already is used instead.
        workers: processes that read, one processor each; by default one for each processor.
        column: the column of pictures in Parquet files, see `find_parts`.
        dpi: resolution at which the pages of a PDF are rendered.

    Raises:
        DataError: Parquet files are mixed with other files, stdin is among the names, or as in `find_parts`.
        ClusterError: no cluster answers at the address, the cluster failed or did nothing for half an hour,
            or answers are missing.
        NumberPredictionError: raised by the reader.
    """
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address}: Ray Client is not supported; run the command on a node with --address auto"
        )
    if STDIN in names:
        raise DataError("stdin cannot be read on a cluster; name files")
    tables = [name for name in names if name.lower().endswith(_PARQUET)]
    if tables and len(tables) < len(names):
        raise DataError(f"{tables[0]}: Parquet files cannot be mixed with other files; read each kind alone")
    if column is not None and not tables:
        raise DataError(f"--column {column} needs Parquet files; name files *{_PARQUET}, or leave it out")
    parts = [part for name in tables for part in find_parts(name, column)]
    total = sum(part.rows for part in parts) if tables else len(names)
    if not total:
        return
    with connected(address, workers) as processors, plain_errors():
        from ray.data import DataContext

        size = max(1, min(MAX_BATCH_PICTURES, -(-total // (processors * MIN_BATCHES_PER_WORKER))))
        with DataContext.current(_settings()):
            batches = _load_batches(parts, size, processors) if tables else _name_batches(names, size)
            answers = _answer_batches(batches, read, dpi, processors)
        yield from check_answers(answers.iter_batches(batch_size=None, batch_format="pyarrow"), total)


def _answer_batches(batches: Dataset, read: Reader, dpi: int, workers: int) -> Dataset:
    import ray

    return batches.map_batches(  # Ray replaces a worker that dies, and repeats its batch
        _Worker,
        fn_constructor_args=(ray.put(read), dpi, str(Path.cwd())),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )


def make_batch(first: int, pictures: Sequence[Picture]) -> pyarrow.Table:
    """A table with one row: pictures to read together, and how many come before them."""
    batch = {
        "first": first,
        "names": [os.fsencode(picture.name) for picture in pictures],
        "contents": [picture.content for picture in pictures],
    }
    return pyarrow.Table.from_pylist([batch], _BATCH)


def answer_batch(batch: pyarrow.Table, read: Reader, *, dpi: int = PDF_DPI) -> Iterator[pyarrow.Table]:
    """Read a batch; gives tables of ANSWER, divided in the same places each time.

    Args:
        batch: as `make_batch` gives it.
        read: the reader.
        dpi: resolution at which the pages of a PDF are rendered.
    """
    (values,) = batch.to_pylist()
    names = [os.fsdecode(name) for name in values["names"]]
    contents = dict(zip(names, values["contents"], strict=True))

    def open_image(name: str) -> bytes | Path:
        content: bytes | None = contents[name]
        return Path(name) if content is None else content

    rows = read_sources(names, read, dpi=dpi, open_image=open_image)
    for part in count():
        some = list(islice(rows, MAX_ANSWER_ROWS))
        is_last = len(some) < MAX_ANSWER_ROWS
        answer = {
            "first": values["first"],
            "part": part,
            "pictures": len(names) if is_last else None,
            "rows": json.dumps([_plain(row) for row in some]),
        }
        yield pyarrow.Table.from_pylist([answer], ANSWER)
        if is_last:
            return


def check_answers(answers: Iterable[pyarrow.Table], total: int) -> Iterator[Row]:
    """The rows of the answers to `total` pictures.

    Args:
        answers: tables of ANSWER, in the order of the pictures.
        total: the number of pictures that were sent.

    Raises:
        ClusterError: an answer is missing, doubled or out of order; the rows before it are given first.
    """
    expected = (0, 0)
    for table in answers:
        for answer in table.to_pylist():
            first, part, pictures = answer["first"], answer["part"], answer["pictures"]
            if (first, part) != expected:
                raise ClusterError(f"the cluster gave answer {first, part} instead of {expected}; read again")
            expected = (first, part + 1) if pictures is None else (first + pictures, 0)
            yield from (Row(**values) for values in json.loads(answer["rows"]))
    if expected != (total, 0):
        raise ClusterError(f"the cluster's answers end before {expected} of {total:,} pictures; read again")


class _Worker:
    """The reader in a process of the cluster; Ray makes one in each."""

    def __init__(self, reader: ObjectRef[Reader], dpi: int, folder: str) -> None:
        import ray

        self._read: Reader = ray.get(reader)
        self._dpi = dpi
        _enter(folder)

    def __call__(self, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
        yield from answer_batch(batch, self._read, dpi=self._dpi)


def _plain(row: Row) -> dict[str, Any]:
    """A row without pictures, ready for JSON."""
    return {"path": row.path, "page": row.page, "values": row.values, "error": row.error}


def _name_batches(names: Sequence[str], size: int) -> Dataset:
    """Batches of files; each is a block of the data set, and so a task of its own."""
    import ray

    pictures = [Picture(name, None) for name in names]
    return ray.data.from_arrow(
        [make_batch(first, pictures[first : first + size]) for first in range(0, len(names), size)]
    )


def _load_batches(parts: Sequence[Part], size: int, workers: int) -> Dataset:
    """Batches of the pictures in Parquet files, loaded a few parts at a time while others are read."""
    import ray

    firsts = accumulate((part.rows for part in parts), initial=0)
    listed = [
        {"first": first, **asdict(part)} for first, part in zip(firsts, parts, strict=False) if part.rows
    ]
    return ray.data.from_arrow([pyarrow.Table.from_pylist([each]) for each in listed]).map_batches(
        partial(_load, size=size, folder=str(Path.cwd())),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.TaskPoolStrategy(size=1 + workers // 8),
        num_cpus=0,  # the workers use all processors, and this needs little of one
    )


def _load(parts: pyarrow.Table, *, size: int, folder: str) -> Iterator[pyarrow.Table]:
    _enter(folder)
    for values in parts.to_pylist():
        first = values.pop("first")
        part = Part(**values)
        fitting = MAX_BATCH_BYTES * part.rows // max(1, part.size)
        for pictures in read_part(part, rows=max(1, min(size, fitting))):
            yield make_batch(first, pictures)
            first += len(pictures)


def _enter(folder: str) -> None:
    """Go to the working folder of the driver, so that relative names lead to the same files."""
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _settings() -> DataContext:
    """Keep batches as they are divided, and in order; show nothing."""
    from ray.data import DataContext

    settings = DataContext.get_current().copy()
    settings.execution_options.preserve_order = True
    settings.target_max_block_size = 1  # byte: so each row, a batch or an answer, is a block
    settings.raise_original_map_exception = True
    settings.enable_progress_bars = False
    return settings
