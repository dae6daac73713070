"""The file of corrections: private, shared by threads and processes, and never another file."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from number_prediction.errors import DataError
from number_prediction.web.corrections.store import CorrectionStore, StorageError, default_path
from tests.helpers.uploads import PICTURE


def test_what_is_deleted_is_gone_from_the_disk(tmp_path: Path) -> None:
    store = CorrectionStore(tmp_path / "corrections.sqlite3")
    secret = bytes(range(256)) * 40
    number = store.add(secret, label="1", model_sha256="0" * 64, prediction={}, strokes=None)
    store.delete(number)
    assert all(secret[:200] not in path.read_bytes() for path in tmp_path.iterdir())
    store.close()


def test_many_threads_keep_and_delete_at_once(tmp_path: Path) -> None:
    store = CorrectionStore(tmp_path / "corrections.sqlite3")

    def add_two_and_delete_one(_: int) -> int:
        numbers = [
            store.add(PICTURE, label="7", model_sha256="0" * 64, prediction={}, strokes=None)
            for _ in range(2)
        ]
        assert store.delete(numbers[0])
        return numbers[1]

    with ThreadPoolExecutor(8) as pool:
        kept = sorted(pool.map(add_two_and_delete_one, range(40)))
    assert [each.id for each in store.entries(limit=100)] == kept
    store.close()


def test_two_processes_may_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "corrections.sqlite3"
    first, second = CorrectionStore(path), CorrectionStore(path)
    for store in (first, second, first):
        store.add(PICTURE, label="7", model_sha256="0" * 64, prediction={}, strokes=None)
    assert first.count() == second.count() == 3
    first.close()
    second.close()


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text, foreign = tmp_path / "text", tmp_path / "foreign"
    text.write_text("no database, but long enough to be none " * 10)
    with sqlite3.connect(foreign) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    for path in (text, foreign):
        with pytest.raises(DataError, match="name another file"):
            CorrectionStore(path)
    assert text.read_text().startswith("no database")


def test_the_default_file_lies_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in default_path().parents


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "corrections.sqlite3"
    store = CorrectionStore(path)
    store.add(PICTURE, label="7", model_sha256="0" * 64, prediction={}, strokes=None)
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_full_file_refuses_a_correction_and_keeps_the_others(tmp_path: Path) -> None:
    store = CorrectionStore(tmp_path / "corrections.sqlite3", max_bytes=100_000)
    values = {"label": "7", "model_sha256": "0" * 64, "prediction": {}, "strokes": None}
    store.add(bytes(50_000), **values)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="full"):
        store.add(bytes(100_000), **values)  # type: ignore[arg-type]
    assert store.count() == 1
    store.close()
