"""Several files are written together, or none of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from number_prediction.files import write_atomically, write_together


def everything_in(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_files_and_folders_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    write_together(folder, {"page.html": "ä", "figures/map.png": b"\x89"})
    assert everything_in(folder) == {"page.html": "ä".encode(), str(Path("figures/map.png")): b"\x89"}
    write_together(folder, {"page.html": "later"})
    assert (folder / "page.html").read_text() == "later"


def test_content_made_bit_by_bit_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_atomically(path, (b"%d\n" % number for number in range(3)))
    assert path.read_bytes() == b"0\n1\n2\n"
    with pytest.raises(ZeroDivisionError):
        write_atomically(path, (b"%d\n" % (1 // number) for number in (1, 0)))
    assert everything_in(tmp_path) == {"rows.csv": b"0\n1\n2\n"}


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("was_there", [False, True])
def test_a_full_disk_leaves_what_stood_there(was_there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "report"
    if was_there:
        write_together(folder, {"a.txt": "older"})
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from number_prediction.files import write_together\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_together(Path(sys.argv[1]), {'a.txt': 'newer', 'below/b.txt': 'b', 'c.txt': 'c' * 2000})\n"
    )
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, check=False)
    assert b"OSError" in done.stderr
    if was_there:
        assert everything_in(tmp_path) == {str(Path("out/report/a.txt")): b"older"}
        assert not (folder / "below").exists()
    else:
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        write_together(tmp_path / "file" / "report", {"a.txt": "a", "below/b.txt": "b"})
    (tmp_path / "report" / "a.txt").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.txt"):
        write_together(tmp_path / "report", {"a.txt": "a", "below/b.txt": "b"})
    assert everything_in(tmp_path) == {"file": b"no folder"}
    assert not (tmp_path / "report" / "below").exists()
