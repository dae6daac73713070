"""Corrections: pictures that a person gave the right label, kept in one SQLite file.

Nothing is kept unasked: the file comes into being with the first correction, and deleted ones are overwritten
in it. The export is a folder of pictures by label, as `train` reads it, in a ZIP.
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

MAX_STORE_BYTES = 2**30
"""Largest file; a correction that does not fit into it is refused."""
LIST_NAME = "corrections.jsonl"
"""In the export: all that is known of each picture, a line each."""

_PAGE_BYTES = 4096
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
    """A correction as it is kept, without picture and strokes."""

    id: int
    time: str
    """When it was kept, ISO 8601, UTC."""
    label: str
    """The right one: "0" to "9", or "none"."""
    model_sha256: str
    """Of the model that was corrected."""
    prediction: dict[str, Any]
    """What that model had said, as the page got it."""


class StorageError(Exception):
    """The file cannot be written: the disk or the file is full, or a folder refuses it."""


def default_path() -> Path:
    """Where corrections are kept unless told otherwise: in the user's own data folder."""
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "number-prediction" / "corrections.sqlite3"


class Corrections:
    """The corrections in one file; safe across threads, and across processes by SQLite's own locks."""

    def __init__(self, path: Path) -> None:
        """Open the file if it is there.

        Raises:
            DataError: it is something else.
        """
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if path.exists():
            with self._lock:
                self._connection = _open(path)

    def add(
        self,
        picture: bytes,
        *,
        label: str,
        model_sha256: str,
        prediction: dict[str, Any],
        strokes: list[Any] | None,
    ) -> int:
        """Keep a correction, `picture` as PNG; its id.

        Raises:
            StorageError: it cannot be written.
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
                    self._connection = _open(self._path)
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
        """At most `limit` corrections, by id, those above `after`."""
        rows = self._fetch(
            "SELECT id, time, label, model_sha256, prediction FROM correction "
            "WHERE id > ? ORDER BY id LIMIT ?",
            after,
            limit,
        )
        return [_from_row(*row) for row in rows]

    def count(self) -> int:
        """How many there are."""
        rows = self._fetch("SELECT count(*) FROM correction")
        return int(rows[0][0]) if rows else 0

    def picture(self, number: int) -> bytes | None:
        """The PNG of a correction by its id; None where there is no such."""
        rows = self._fetch("SELECT picture FROM correction WHERE id = ?", number)
        return bytes(rows[0][0]) if rows else None

    def delete(self, number: int) -> bool:
        """Delete one by its id; whether it was there."""
        return self._delete("DELETE FROM correction WHERE id = ?", number) > 0

    def delete_all(self) -> None:
        """Delete all."""
        self._delete("DELETE FROM correction")

    @contextmanager
    def export(self) -> Iterator[BinaryIO]:
        """A ZIP of folders of PNG by label, and LIST_NAME, as a temporary file at its beginning."""
        with tempfile.TemporaryFile() as stream:
            lines = []
            with zipfile.ZipFile(stream, "w") as archive:  # stored: PNG is compressed already
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
        """All, one in memory at a time, also while others are added or deleted."""
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
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # it holds old pictures
            return count


def _from_row(number: int, time: str, label: str, model_sha256: str, prediction: str) -> Correction:
    return Correction(number, time, label, model_sha256, json.loads(prediction))


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)  # whose handwriting it is, is nobody else's business
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.execute(f"PRAGMA max_page_count = {MAX_STORE_BYTES // _PAGE_BYTES}").fetchall()
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # of two processes one makes the table
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise DataError(f"{path}: corrections of another version ({version}); name another file")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DataError(f"{path}: cannot be used for corrections ({error}); name another file") from error
    except DataError:
        connection.close()
        raise
    return connection
