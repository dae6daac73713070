"""Rows of results -> a CSV or JSON Lines file that an interrupted batch can resume, no row lost or doubled.

The rows themselves record the progress. Each row is handed to the operating system before the next one is
read. When a batch is resumed, a half-written last line is removed. Beside the file lies its manifest, as JSON
lines: first the settings of the batch, then the size and the modification time of each source. A source that
differs from its entry is read again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

from filelock import FileLock, Timeout

from number_prediction.errors import DataError
from number_prediction.files import write_atomically
from number_prediction.images.sources import STDIN
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row
from number_prediction.pipeline.writers import check_header, format_header, format_row, parse_row

MANIFEST_VERSION = 1
_Identity: TypeAlias = tuple[int, int]
"""Bytes of a file, and the time of its last change in ns."""


def journal_manifest_path(path: Path) -> Path:
    """The manifest of a file of results."""
    return path.with_name(f"{path.name}.manifest")


class Journal:
    """A file of results to append to; a context manager. Only one process at a time can have it open."""

    def __init__(
        self,
        path: Path,
        sources: Sequence[str],
        *,
        output_format: str,
        layout: ColumnLayout,
        settings: Mapping[str, Any],
        resume: bool = False,
    ) -> None:
        """Start a file, or resume one.

        Args:
            path: the file; without `resume` it must not exist.
            sources: the pictures to read, as `find_sources` gives them.
            output_format: "jsonl" or "csv".
            layout: how values become cells.
            settings: everything that decides the rows, ready for JSON.
            resume: continue the file if it exists.

        Raises:
            DataError: the file exists, has other settings, is damaged, or is being written; its folder is
                missing; or stdin is to be resumed.
            OSError: the file cannot be read or written.
        """
        self.path = path
        self.kept = 0
        """Rows of an earlier run."""
        self.failed = 0
        """Rows of `sources` with an error."""
        self.changed = 0
        """Sources that changed since an earlier run, and are to be read again."""
        self._format, self._layout = output_format, layout
        self._finished: dict[str, set[int]] = {_escaped(source): set() for source in sources}
        self.finished: Mapping[str, Collection[int]] = {
            source: self._finished[_escaped(source)] for source in sources
        }
        """For each source, the numbers of the pages that have a row."""
        if resume and STDIN in sources:
            raise DataError("stdin cannot be read a second time; name files to resume a batch")
        _check_existing(path, resume)
        settings = json.loads(_json_line({"version": MANIFEST_VERSION, "format": output_format, **settings}))
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(path))
            resumes = _check_existing(path, resume)  # again: another process may just have ended
            manifest = stack.enter_context(journal_manifest_path(path).open("a+b", buffering=0))
            recorded = _read_manifest(manifest, settings, path) if resumes else {}
            if not resumes:
                manifest.truncate(0)
                _append(manifest, _json_line(settings))
            found = {_escaped(source): _identify(source) for source in sources}
            outdated = {source: now for source, now in found.items() if now and now != recorded.get(source)}
            if resumes:
                self._keep_rows_except(outdated)
            _append(manifest, "".join(map(_source_line, outdated, outdated.values())))
            self._stream = stack.enter_context(path.open("ab" if resumes else "xb", buffering=0))
            if os.fstat(self._stream.fileno()).st_size == 0:
                _append(self._stream, format_header(output_format, layout))
            self._closing = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            os.fsync(self._stream.fileno())

    def add(self, row: Row) -> None:
        """Append a row; once this returns, the row survives a kill of the process."""
        self.failed += row.error is not None
        _append(self._stream, format_row(row, self._format, self._layout))

    def _keep_rows_except(self, outdated: Collection[str]) -> None:
        """Note the finished pages; remove a half-written line and the rows of outdated sources."""
        end, changed = 0, set()
        for record, row in self._records():
            end += len(record)
            if row is None:
                continue
            source = _escaped(row.path)
            if source in outdated:
                changed.add(source)
                continue
            self.kept += 1
            if source in self._finished:
                self._finished[source].add(row.page)
                self.failed += row.error is not None
        self.changed = len(changed)
        if changed:
            write_atomically(
                self.path,
                (
                    record
                    for record, row in self._records()
                    if row is None or _escaped(row.path) not in changed
                ),
            )
        else:
            os.truncate(self.path, end)

    def _records(self) -> Iterator[tuple[bytes, Row | None]]:
        """The whole lines of the file with their rows; None for the header."""
        needs_header = bool(format_header(self._format, self._layout))
        line = 1
        with self.path.open("rb") as stream:
            for record in _split_records(stream, self._format):
                try:
                    if needs_header:
                        check_header(record.decode("utf-8-sig"), self._layout)
                    row = None if needs_header else parse_row(record.decode(), self._format)
                except ValueError as error:
                    raise DataError(
                        f"{self.path}: line {line}: {error}; correct or remove the line, or choose another "
                        "output"
                    ) from error
                yield record, row
                needs_header = False
                line += record.count(b"\n")


def _check_existing(path: Path, resume: bool) -> bool:
    """Whether there is a file to resume; raises DataError if one is in the way."""
    if not path.exists():
        if not path.parent.is_dir():
            raise DataError(f"{path.parent}: no such folder; create it, or choose another output")
        return False
    if not resume:
        raise DataError(f"{path}: already exists; resume it with --resume, or choose another output")
    if not journal_manifest_path(path).exists():
        raise DataError(
            f"{path}: cannot be resumed, as {journal_manifest_path(path).name} is missing beside it; choose "
            "another output"
        )
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same file; a killed process loses its lock."""
    lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)
    with contextlib.suppress(OSError, NotImplementedError):  # a network file system without locks
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise DataError(f"{path}: another process is writing this file; wait until it ends") from error
    try:
        yield
    finally:
        lock.release()


def _escaped(source: str) -> str:
    """A source as files of results name it: bytes that are not UTF-8 are escaped."""
    return source.encode("utf-8", "backslashreplace").decode()


def _identify(source: str) -> _Identity | None:
    """Values that change when a file does; None if the source is not a file."""
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _read_manifest(manifest: BinaryIO, settings: Mapping[str, Any], path: Path) -> dict[str, _Identity]:
    """The identities of sources at the time they were read; raises DataError for other settings.

    A half-written last line is removed.
    """
    manifest.seek(0)
    content = manifest.read()
    content = content[: content.rfind(b"\n") + 1]
    manifest.truncate(len(content))
    try:
        then, *sources = map(json.loads, content.splitlines())
        recorded = {source["path"]: (source["bytes"], source["changed_ns"]) for source in sources}
        differing = [name for name in settings.keys() | then.keys() if settings.get(name) != then.get(name)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: its manifest is damaged; choose another output") from error
    if differing:
        raise DataError(
            f"{path}: started with another {', '.join(sorted(differing))}; repeat the settings of the first "
            "run, or choose another output"
        )
    return recorded


def _source_line(source: str, identity: _Identity) -> str:
    return _json_line({"path": source, "bytes": identity[0], "changed_ns": identity[1]})


def _json_line(values: Mapping[str, Any]) -> str:
    return json.dumps(values) + "\n"


def _split_records(stream: BinaryIO, output_format: str) -> Iterator[bytes]:
    """The whole lines of a file; a CSV record with a line break inside quotes is one."""
    pending, is_open = [], False
    for line in stream:
        pending.append(line)
        is_open ^= output_format == "csv" and line.count(b'"') % 2 == 1
        if line.endswith(b"\n") and not is_open:
            yield b"".join(pending)
            pending = []


def _append(stream: BinaryIO, text: str) -> None:
    """Hand all of a text to the operating system; the stream has no buffer."""
    content = memoryview(text.encode("utf-8", "backslashreplace"))
    while content:
        content = content[stream.write(content) :]
