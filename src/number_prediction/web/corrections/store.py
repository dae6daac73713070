"""Corrections: pictures with the right label, stored in one SQLite file.

The server stores nothing without consent. The first correction creates the file; deleted ones are overwritten
in it. The export is a ZIP with one folder of pictures per label, which `train` reads.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from number_prediction.errors import DataError
from number_prediction.web.limits import Limits

LIST_NAME = "corrections.jsonl"
"""File in the export that describes each correction in one line."""

_PAGE_BYTES = 4096  # of SQLite
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE correction (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    label TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    prediction TEXT NOT NULL,
    strokes TEXT,
    picture BLOB NOT NULL
)
"""


@dataclass(frozen=True)
class Correction:
    """A stored correction, without picture and strokes."""

    id: int
    time: str
    """Time of storing: ISO 8601, UTC."""
    label: str
    """The right label: "0" to "9", or "none"."""
    model_sha256: str
    """SHA-256 of the model that gave the prediction."""
    prediction: dict[str, Any]
    """Answer of that model."""


class StorageError(Exception):
    """The file cannot be written: it or the disk is full, or writing is not permitted."""


def default_path() -> Path:
    """Return the default file of corrections, in the user's data folder."""
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "number-prediction" / "corrections.sqlite3"


class CorrectionStore:
    """The corrections in one file. Threads and processes may share it."""

    def __init__(self, path: Path, *, max_bytes: int = Limits.max_corrections_bytes) -> None:
        """Open the file if it exists.

        Args:
            path: the file; the first correction creates it.
            max_bytes: largest size of the file; a correction that does not fit is refused.

        Raises:
            DataError: the file is of another kind.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if path.exists():
            with self._lock:
                self._connection = _open(path, max_bytes)

    def add(
        self,
        picture: bytes,
        *,
        label: str,
        model_sha256: str,
        prediction: dict[str, Any],
        strokes: list[Any] | None,
    ) -> int:
        """Store a correction and return its id; `picture` is a PNG.

        Raises:
            StorageError: the file cannot be written.
        """
        values = (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            label,
            model_sha256,
            json.dumps(prediction, allow_nan=False),
            None if strokes is None else json.dumps(strokes, allow_nan=False),
            picture,
        )
        with self._lock:
            try:
                if self._connection is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._connection = _open(self._path, self._max_bytes)
                with self._connection:
                    cursor = self._connection.execute(
                        "INSERT INTO correction (time, label, model_sha256, prediction, strokes, picture) "
                        "VALUES (?, ?, ?, ?, ?, ?)",
                        values,
                    )
            except (sqlite3.Error, OSError, DataError) as error:
                raise StorageError(f"{self._path.name}: {error}") from error
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def entries(self, *, after: int = 0, limit: int) -> list[Correction]:
        """Return up to `limit` corrections with ids above `after`, ordered by id."""
        rows = self._fetch(
            "SELECT id, time, label, model_sha256, prediction FROM correction "
            "WHERE id > ? ORDER BY id LIMIT ?",
            after,
            limit,
        )
        return [_from_row(*row) for row in rows]

    def count(self) -> int:
        """Count the corrections."""
        rows = self._fetch("SELECT count(*) FROM correction")
        return int(rows[0][0]) if rows else 0

    def picture(self, number: int) -> bytes | None:
        """Return the PNG of the correction with this id; None if it does not exist."""
        rows = self._fetch("SELECT picture FROM correction WHERE id = ?", number)
        return bytes(rows[0][0]) if rows else None

    def delete(self, number: int) -> bool:
        """Delete the correction with this id; return whether it existed."""
        return self._delete("DELETE FROM correction WHERE id = ?", number) > 0

    def delete_all(self) -> None:
        """Delete all corrections."""
        self._delete("DELETE FROM correction")

    @contextmanager
    def export(self) -> Iterator[BinaryIO]:
        """Open a temporary ZIP with one folder of PNG files per label, and LIST_NAME."""
        with tempfile.TemporaryFile() as stream:
            lines = []
            with zipfile.ZipFile(stream, "w") as archive:  # uncompressed, as PNG is compressed already
                for correction, strokes, picture in self._iterate():
                    name = f"{correction.label}/{correction.id:06}.png"
                    kept = datetime.fromisoformat(correction.time)
                    archive.writestr(zipfile.ZipInfo(name, kept.timetuple()[:6]), picture)
                    lines.append(json.dumps({"file": name, **vars(correction), "strokes": strokes}) + "\n")
                archive.writestr(LIST_NAME, "".join(lines))
            stream.seek(0)
            yield stream

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _iterate(self) -> Iterator[tuple[Correction, Any, bytes]]:
        """Yield all corrections, one in memory at a time; others may be added or deleted meanwhile."""
        number = 0
        while rows := self._fetch(
            "SELECT strokes, picture, id, time, label, model_sha256, prediction FROM correction "
            "WHERE id > ? ORDER BY id LIMIT 1",
            number,
        ):
            strokes, picture, *values = rows[0]
            correction = _from_row(*values)
            number = correction.id
            yield correction, None if strokes is None else json.loads(strokes), bytes(picture)

    def _fetch(self, query: str, *values: int) -> list[Any]:
        with self._lock:
            return [] if self._connection is None else self._connection.execute(query, values).fetchall()

    def _delete(self, query: str, *values: int) -> int:
        with self._lock:
            if self._connection is None:
                return 0
            with self._connection:
                count = self._connection.execute(query, values).rowcount
            self._connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchall()  # the log holds deleted pictures
            return count


def _from_row(number: int, time: str, label: str, model_sha256: str, prediction: str) -> Correction:
    return Correction(number, time, label, model_sha256, json.loads(prediction))


def _open(path: Path, max_bytes: int) -> sqlite3.Connection:
    path.touch(mode=0o600)  # handwriting is private: only this user may read the file
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.execute(f"PRAGMA max_page_count = {max_bytes // _PAGE_BYTES}").fetchall()
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # only one of two processes may create the table
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise DataError(
                    f"{path}: has format version {version} instead of {_SCHEMA_VERSION}; name another file"
                )
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DataError(f"{path}: is no file of corrections ({error}); name another file") from error
    except DataError:
        connection.close()
        raise
    return connection
