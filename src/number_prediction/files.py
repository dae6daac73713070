"""Write files so that a crash or a full disk never leaves half a file; list and sort files."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_DIGITS = re.compile(r"(\d+)")


def write_atomically(path: Path, content: bytes | str | Iterable[bytes]) -> None:
    """Write `content` (text as UTF-8) to `path`, see `open_atomically`.

    An iterable of bytes is written piece by piece and is never in memory as a whole.

    Raises:
        OSError: the disk is full or not writable; the old file at `path` stays.
    """
    with open_atomically(path) as stream:
        _write(stream, content)


@contextlib.contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; it is flushed to disk and renamed when the block ends.

    Raises:
        OSError: the disk is full or not writable. After this or any other error the old file at `path` stays.
    """
    try:
        with _open_partial(path) as stream:
            yield stream
        _partial(path).replace(path)
    except BaseException:
        _partial(path).unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def write_together(folder: Path, contents: Mapping[str, bytes | str]) -> None:
    """Write several files into a folder: all of them, or none if one cannot be written.

    Args:
        folder: created if it does not exist, with its subfolders.
        contents: name of a file, such as "page.html" or "figures/map.png" -> its content (text as UTF-8).

    Raises:
        OSError: the disk is full or not writable; old files stay, and no new folder remains.
    """
    paths = {folder / name: content for name, content in contents.items()}
    parents = sorted({path.parent for path in paths})
    missing = sorted({each for parent in parents for each in (parent, *parent.parents) if not each.exists()})
    try:
        for parent in parents:
            parent.mkdir(parents=True, exist_ok=True)
        for path, content in paths.items():
            with _open_partial(path) as stream:  # a full disk shows here, before anything is replaced
                _write(stream, content)
        for path in paths:
            _partial(path).replace(path)
    except BaseException:
        for path in paths:
            with contextlib.suppress(OSError):
                _partial(path).unlink()
        for made in reversed(missing):
            with contextlib.suppress(OSError):
                made.rmdir()
        raise
    for parent in parents:
        _flush_folder(parent)


def _partial(path: Path) -> Path:
    """Return the temporary path of an unfinished file; a killed process leaves only such files behind."""
    return path.with_name(f".{path.name}.partial")


@contextlib.contextmanager
def _open_partial(path: Path) -> Iterator[BinaryIO]:
    with _partial(path).open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _write(stream: BinaryIO, content: bytes | str | Iterable[bytes]) -> None:
    if isinstance(content, bytes | str):
        content = [content.encode() if isinstance(content, str) else content]
    stream.writelines(content)


def _flush_folder(folder: Path) -> None:
    """Make the rename durable, if folders can be opened and flushed (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):  # some network file systems refuse; the file itself is safe
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def find_files(folder: Path) -> list[Path]:
    """List all files in and below a folder, sorted, without hidden files and folders."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(name.startswith(".") for name in path.relative_to(folder).parts) and path.is_file()
    )


def natural_order(name: str) -> tuple[list[list[tuple[bool, int, str]]], str]:
    """Key that sorts names as people do: 9.png before 10.png, folder by folder, without regard to case."""
    folders = Path(name).parts
    return [[_natural_part(part) for part in _DIGITS.split(folder) if part] for folder in folders], name


def _natural_part(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdecimal() else (True, 0, part.casefold())
