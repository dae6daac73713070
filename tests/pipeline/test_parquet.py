"""Parquet: columns of pictures, rows of results, and files that are neither."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from number_prediction.errors import DataError
from number_prediction.pipeline.parquet import Part, Picture, find_parts, read_part
from tests.conftest import CommandLine


def write(path: Path, /, **columns: list[object] | pyarrow.Array) -> str:
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return str(path)


def test_parts_are_row_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", label=[1, 2, 3, 4, 5], picture=[b"0", b"1", b"", None, b"4"])
    parts = find_parts(path)
    assert [(part.column, part.group, part.begin, part.rows) for part in parts] == [
        ("picture", 0, 0, 2),
        ("picture", 1, 2, 2),
        ("picture", 2, 4, 1),
    ]
    read = [picture for part in parts for pictures in read_part(part, rows=1) for picture in pictures]
    contents = (b"0", b"1", b"", b"", b"4")
    assert read == [Picture(f"{path}#{index}", content) for index, content in enumerate(contents)]
    assert [len(pictures) for pictures in read_part(parts[0], rows=9)] == [2]


def test_columns_of_paths_and_of_structs(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", path=["x.png", "y.png"], scan=[{"bytes": b"0"}, None])
    ((paths,), (scans,)) = (read_part(find_parts(path, name)[0], rows=9) for name in (None, "scan"))
    assert paths == [Picture("x.png", None), Picture("y.png", None)]
    assert scans == [Picture(f"{path}#0", b"0"), Picture(f"{path}#1", b"")]


def test_what_holds_no_pictures_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", scan=[b"0"], page=[1])
    with pytest.raises(DataError, match=r"no column picture, image, bytes, path; .*--column scan\|page"):
        find_parts(path)
    with pytest.raises(DataError, match=r"no column other; .*scan"):
        find_parts(path, "other")
    with pytest.raises(DataError, match="column page holds int64"):
        find_parts(path, "page")
    (tmp_path / "b.parquet").write_bytes(b"x")
    for name in ("b.parquet", "missing.parquet"):
        with pytest.raises(DataError, match=f"{name}: not a readable Parquet file"):
            find_parts(str(tmp_path / name))


def test_a_damaged_part_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", picture=[b"0", b"1", b"2"])
    (_, part) = find_parts(path)
    write(tmp_path / "a.parquet", picture=[b"0"])
    with pytest.raises(DataError, match=r"a\.parquet: damaged in row group 1"):
        list(read_part(part, rows=9))
    with pytest.raises(DataError, match="missing"):
        list(read_part(Part("missing", "picture", 0, 0, 1, 1), rows=9))


def test_rows_of_results_have_the_columns_of_csv(command_line: CommandLine, tmp_path: Path) -> None:
    names = ["examples/seven.png", "examples/blank.png"]
    root = Path(__file__).parents[2]
    arguments = ("predict", *(root / name for name in names), "missing.png", "--top", "1")
    done = command_line(*arguments, "--output", "rows.parquet")
    assert (done.returncode, done.stdout) == (1, b"rows.parquet\n")
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("path", "string"),
        ("label", "int64"),
        ("text", "string"),
        ("confidence", "double"),
        ("is_digit", "double"),
        ("warnings", "string"),
        ("top_1", "string"),
        ("top_1_probability", "double"),
        ("page", "int64"),
        ("error", "string"),
    ]
    text = command_line(*arguments, "--format", "csv").stdout.decode()
    expected = list(csv.DictReader(io.StringIO(text)))
    for row, cells in zip(table.to_pylist(), expected, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == cells
    again = command_line(*arguments, "--output", "rows.parquet")
    assert b"already exists" in again.stderr


def test_odd_names_of_files_become_text(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("predict", "\udcff.png", "--output", "rows.parquet")
    assert done.returncode == 1
    (row,) = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert row["path"] == r"\udcff.png"


def test_numbers_and_forms_too(command_line: CommandLine, tmp_path: Path) -> None:
    seven = Path(__file__).parents[2] / "examples" / "seven.png"
    for options, column in (((), "text"), (("--page",), "numbers")):
        done = command_line("read", seven, "missing.png", *options, "--output", f"{column}.parquet")
        assert done.returncode == 1, done.stderr.decode()
        row, failed = parquet.read_table(tmp_path / f"{column}.parquet").to_pylist()
        assert row[column] == "7"
        assert failed[column] is None
        assert "missing.png" in failed["error"]
        done = command_line("read", seven, "missing.png", *options, "--format", "csv")
        assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("package", "options"),
    [
        ("pyarrow", ["--output", "rows.parquet"]),
        ("pyarrow", ["--cluster"]),
        ("ray", ["--cluster"]),
    ],
)
def test_the_missing_extra_is_named(package: str, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from number_prediction.cli import main\n"
        f"sys.argv = ['number-prediction', 'predict', 'x.png', *{options!r}]\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: the package {package} is not installed")
    assert "pip install 'number-prediction[cluster]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
