"""Rows of results -> a file that a killed batch goes on with, no row lost or doubled.

The rows themselves, as JSON lines or CSV, say what is done. Each is handed to the operating system before the
next one is asked for; a line that a kill has cut off is removed when the batch goes on. Beside the file lies
its manifest, as JSON lines: the settings that the rows are made with, then size and time of change of each
source, noted before its first row. By these, sources that have changed since are found, and read again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

from number_prediction.errors import DataError
from number_prediction.files import write_atomically
from number_prediction.images.sources import STDIN
from number_prediction.pipeline.layouts import ColumnLayout
from number_prediction.pipeline.rows import Row
from number_prediction.pipeline.writers import check_header, format_header, format_row, parse_row

_VERSION = 1
_Identity: TypeAlias = tuple[int, int]
"""Bytes of a file, and the time of its last change in ns."""


def journal_manifest_path(path: Path) -> Path:
    """Where the manifest of a file of results lies."""
    return path.with_name(f"{path.name}.manifest")


class Journal:
    """A file of results to append to; a context manager. One process at a time has it open."""

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
        """Begin a file, or go on with one.

        Args:
            path: the file; it must not be there yet, unless `resume`.
            sources: what is going to be read, as `find_sources` gives it.
            output_format: "jsonl" or "csv".
            layout: how values become cells.
            settings: all that decides what rows say, ready for JSON.
            resume: go on where the file ends; where there is none, begin it.

        Raises:
            DataError: the file is there already, of other settings, not one of these, or being written; stdin
                cannot be gone on with.
            OSError: the file cannot be read or written.
        """
        self.path = path
        self.kept = 0
        """Rows that were there already."""
        self.failed = 0
        """Errors among the rows of `sources`."""
        self.changed = 0
        """Sources that have changed since they were read, and are to be read again."""
        self._format, self._layout = output_format, layout
        self._finished: dict[str, set[int]] = {_key(source): set() for source in sources}
        self.finished: Mapping[str, Collection[int]] = {
            source: self._finished[_key(source)] for source in sources
        }
        """Numbers of the pages of each source that have their row."""
        if resume and STDIN in sources:
            raise DataError("stdin cannot be read a second time; resume with names of files")
        _check_existing(path, resume)
        settings = {"version": _VERSION, "format": output_format, **settings}
        with contextlib.ExitStack() as stack:
            manifest = stack.enter_context(journal_manifest_path(path).open("a+b", buffering=0))
            _lock(manifest, path)
            goes_on = _check_existing(path, resume)  # again: another process may just have ended
            known = _read_manifest(manifest, settings, path) if goes_on else {}
            if not goes_on:
                manifest.truncate(0)
                _append(manifest, _json_line(settings))
            found = {_key(source): _identify(source) for source in sources}
            news = {source: now for source, now in found.items() if now and now != known.get(source)}
            if goes_on:
                self._keep_rows_but_of(news)
            _append(manifest, "".join(map(_source_line, news, news.values())))
            self._stream = stack.enter_context(path.open("ab" if goes_on else "xb", buffering=0))
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
        """Append a row; once this returns, no kill of the process takes it back."""
        self.failed += row.error is not None
        _append(self._stream, format_row(row, self._format, self._layout))

    def _keep_rows_but_of(self, news: Collection[str]) -> None:
        """Note what is finished; remove a line that was cut off, and rows of sources that have changed."""
        end, changed = 0, set()
        for record, row in self._records():
            end += len(record)
            if row is None:
                continue
            source = _key(row.path)
            if source in news:
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
                (record for record, row in self._records() if row is None or _key(row.path) not in changed),
            )
        else:
            os.truncate(self.path, end)

    def _records(self) -> Iterator[tuple[bytes, Row | None]]:
        """The whole lines of the file with their rows; None for the header."""
        needs_header = bool(format_header(self._format, self._layout))
        line = 1
        with self.path.open("rb") as stream:
            for record in _split(stream, self._format):
                try:
                    if needs_header:
                        check_header(record.decode("utf-8-sig"), self._layout)
                    row = None if needs_header else parse_row(record.decode(), self._format)
                except ValueError as error:
                    raise DataError(
                        f"{self.path}: line {line}: {error}; mend or remove it, or choose another output"
                    ) from error
                yield record, row
                needs_header = False
                line += record.count(b"\n")


def _check_existing(path: Path, resume: bool) -> bool:
    """Whether there is a file to go on with; raises DataError where one is in the way."""
    if not path.exists():
        return False
    if not resume:
        raise DataError(f"{path}: is there already; go on with it (--resume), or choose another output")
    if not journal_manifest_path(path).exists():
        raise DataError(f"{path}: has no manifest beside it to go on by; choose another output")
    return True


def _key(source: str) -> str:
    """A source as files of results name it, whatever bytes are in its name."""
    return source.encode("utf-8", "backslashreplace").decode()


def _identify(source: str) -> _Identity | None:
    """What changes when a file does; None for what is no file."""
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _read_manifest(manifest: BinaryIO, settings: Mapping[str, Any], path: Path) -> dict[str, _Identity]:
    """Cut off what was not written whole; the identities of sources, if the settings are these."""
    manifest.seek(0)
    content = manifest.read()
    content = content[: content.rfind(b"\n") + 1]
    manifest.truncate(len(content))
    try:
        then, *sources = map(json.loads, content.splitlines())
        known = {source["path"]: (source["bytes"], source["changed_ns"]) for source in sources}
        differing = [name for name in settings.keys() | then.keys() if settings.get(name) != then.get(name)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: the manifest beside it is damaged; choose another output") from error
    if differing:
        raise DataError(
            f"{path}: was begun with another {', '.join(sorted(differing))}; choose another output"
        )
    return known


def _source_line(source: str, identity: _Identity) -> str:
    return _json_line({"path": source, "bytes": identity[0], "changed_ns": identity[1]})


def _json_line(values: Mapping[str, Any]) -> str:
    return json.dumps(values) + "\n"


def _split(stream: BinaryIO, output_format: str) -> Iterator[bytes]:
    """The whole lines of a file; of CSV, a line that ends inside quotes goes on with the next one."""
    pending, is_open = [], False
    for line in stream:
        pending.append(line)
        is_open ^= output_format == "csv" and line.count(b'"') % 2 == 1
        if line.endswith(b"\n") and not is_open:
            yield b"".join(pending)
            pending = []


def _append(stream: BinaryIO, text: str) -> None:
    """Hand text to the operating system, all of it; the stream is not buffered."""
    content = memoryview(text.encode("utf-8", "backslashreplace"))
    while content:
        content = content[stream.write(content) :]


def _lock(manifest: BinaryIO, path: Path) -> None:
    """Keep other processes out until the manifest is closed, by a kill too (not on Windows)."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{path}: another process is writing it; wait for its end") from error
        except OSError:  # some network file systems have no locks; the file is written all the same
            return
