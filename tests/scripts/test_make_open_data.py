"""Originals become a folder that the reader of open data takes; incomplete ones become nothing."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.open_data import OpenSource, load_open_data
from scripts import make_open_data as script
from scripts.make_open_data import SOURCES, Original, make_open_data

UNIPEN_HEAD = '.LEXICON "8" "a"\n.COMMENT before all segments\n.HIERARCHY DIGIT\n\n'


def write(downloads: Path, path: str, content: str | bytes) -> None:
    (downloads / path).parent.mkdir(parents=True, exist_ok=True)
    (downloads / path).write_bytes(content.encode() if isinstance(content, str) else content)


def write_picture(downloads: Path, path: str, pixels: np.ndarray) -> None:
    (downloads / path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(downloads / path)


def make(downloads: Path, name: str) -> OpenSource:
    """A source made of small originals, with their checksums in place of the published ones."""
    originals = []
    for original in SOURCES[name].originals:
        paths = sorted(str(path.relative_to(downloads).as_posix()) for path in downloads.glob(original.path))
        hashes = [hashlib.sha256((downloads / path).read_bytes()).hexdigest() for path in paths]
        lines = "".join(f"{sha256}  {path}\n" for sha256, path in zip(hashes, paths, strict=True))
        listed = hashlib.sha256(lines.encode()).hexdigest()
        sha256 = listed if "*" in original.path else hashes[0]
        originals.append(Original(original.path, sha256, len(paths)))
    output = downloads.parent / "open"
    assert make_open_data(downloads, output, {name: replace(SOURCES[name], originals=tuple(originals))}) == 0
    return load_open_data(output)[name]


def points(source: OpenSource) -> list[list[list[list[float]]]]:
    return [[stroke.tolist() for stroke in drawing] for drawing in source.strokes]


def test_pen_digits_are_turned_upright_and_keep_their_writer(tmp_path: Path) -> None:
    segment = '.SEGMENT DIGIT 0 ? "8"\n.COMMENT 8 12  224\n'
    first = ".PEN_DOWN\n 267 333\n 267 333\n 260 340\n.PEN_UP\n.DT 100\n"
    second = ".PEN_DOWN\n 1 2\n.PEN_UP\n"
    path = "DigitSignature/DataSource/pendigits-orig-tra.txt"
    write(tmp_path / "downloads", path, UNIPEN_HEAD + segment + first + second)
    source = make(tmp_path / "downloads", "pendigits-orig-train")
    assert source.labels == ("8",)
    assert source.writers == ("pen12",)
    assert points(source) == [[[[267, 167], [260, 160]], [[1, 498]]]]
    assert source.licence == "CC BY 4.0"
    assert "10.24432/C5MG6K" in source.origin


def test_letters_are_kept_and_digits_left_out(tmp_path: Path) -> None:
    for writer in range(1, 12):
        segments = "".join(
            f'.SEGMENT CHARACTER {index} ? "{label}"\n.COMMENT Class [A]\n\n.PEN_DOWN\n 5 {writer}\n.PEN_UP\n'
            for index, label in enumerate("a7")
        )
        path = f"DigitSignature/DataSource/UJIpenchars-w{writer:02d}.txt"
        write(tmp_path / "downloads", path, UNIPEN_HEAD + segments)
    source = make(tmp_path / "downloads", "uji1-letters")
    assert source.labels == ("a",) * 11
    assert source.writers[0] == "uji2-W01"
    assert points(source)[10] == [[[5, 11]]]


def test_two_digits_in_a_row_are_of_one_writer(tmp_path: Path) -> None:
    strokes = [[[[n, 0], [n, 0], [9, 9]]] for n in range(3)]
    raw = json.dumps({"rawData": {"1": strokes, "0": strokes[:1]}})
    write(tmp_path / "downloads", "NumberPad/Data/ujipenchars2.json", raw)
    source = make(tmp_path / "downloads", "uji2-digits")
    assert source.labels == ("0", "1", "1", "1")
    assert source.writers == ("uji2-W01", "uji2-W01", "uji2-W01", "uji2-W02")
    assert points(source)[3] == [[[2, 0], [9, 9]]]


def test_both_parts_of_the_number_pad_are_read(tmp_path: Path) -> None:
    for part, label in (("all", "?"), ("test", "5")):
        raw = json.dumps({"rawData": {label: [[[[1, 2], [3, 4]]]]}})
        write(tmp_path / "downloads", f"NumberPad/Data/bridger_{part}.json", raw)
    source = make(tmp_path / "downloads", "bridger-numberpad")
    assert source.labels == ("?", "5")
    assert points(source)[1] == [[[1, 2], [3, 4]]]


def test_doodles_are_scaled_and_lose_points_on_straight_lines(tmp_path: Path) -> None:
    corner = [[[10, 20, 30, 30], [5, 5, 5, 45], [0, 1, 2, 3]]]
    zigzag = [[list(range(200)), [0, 100] * 100, list(range(200))]]
    doodles = [
        {"key_id": "1", "recognized": True, "drawing": corner},
        {"key_id": "2", "recognized": False, "drawing": corner},
        {"key_id": "3", "recognized": True, "drawing": zigzag},
    ]
    lines = "".join(json.dumps(doodle) + "\n" for doodle in doodles)
    many = "".join(json.dumps({**doodles[0], "key_id": str(n)}) + "\n" for n in range(100))
    for category, content in (("axe", lines), ("cat", lines), ("line", many), ("zoo", many)):
        write(tmp_path / "downloads", f"exupery/public/sketches/{category}.ndjson", content)
    source = make(tmp_path / "downloads", "quickdraw-doodles")
    assert source.labels == ("axe",) + ("line",) * 90 + ("zoo",) * 24
    assert source.writers[0] == "qd-1"
    assert points(source)[0] == [[[0, 0], [128, 0], [128, 255]]]
    assert len(set(source.writers[1:91])) == 90


def test_pictures_follow_the_table(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    for digit in (3, 1):
        write_picture(downloads, f"hwd-1000-dataset/img/{digit}-001.png", np.full((28, 28), digit, np.uint8))
    write(downloads, "hwd-1000-dataset/dataset.csv", "image,label\nimg/3-001.png,3\nimg/1-001.png,1\n")
    source = make(downloads, "hwd-1000")
    assert source.labels == ("3", "1")
    assert [int(page[0, 0]) for page in source.pages] == [3, 1]


def test_scans_are_padded_and_reduced_and_unreadable_ones_left_out(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    scan = np.full((96, 64), 200, np.uint8)
    scan[30:60, 20:40] = 10
    write_picture(downloads, "anagnostes/numbers/0001_CH4M/7/number-2.png", scan)
    write_picture(downloads, "anagnostes/numbers/0002_CH5M/5/number-459.png", scan)
    source = make(downloads, "kensanata-numbers")
    assert source.labels == ("7",)
    assert source.writers == ("ken-0001_CH4M",)
    page = source.pages[0]
    assert page.shape == (64, 64)
    assert page[:, 0].tolist() == [200] * 64  # padded by the paper
    rows, columns = np.nonzero(page == 10)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 24, 36)


def write_emnist(downloads: Path, text: str) -> None:
    """Two sheets, of four pictures and of two; each picture is grey of its index times ten."""
    folder = "emnist-packed/emnist-byclass"
    sheets = {"X_test_0_to_3.webp": np.array([[0, 1], [2, 3]]), "X_test_4_to_5.webp": np.array([[4, 5]])}
    for name, indices in sheets.items():
        grey = np.kron(indices * 10, np.ones((28, 28))).astype(np.uint8)
        (downloads / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.stack([grey] * 3, axis=-1)).save(downloads / folder / name, lossless=True)
    classes = sorted(set(text))
    table = {
        "files": list(sheets),
        "mapping": [ord(each) for each in classes],
        "id": [classes.index(each) for each in text],
    }
    write(downloads, f"{folder}/test.json", json.dumps(table))


def grey_values(source: OpenSource) -> list[int]:
    assert all(page.shape == (28, 28) and page.min() == page.max() for page in source.pages)
    return [int(page[0, 0]) for page in source.pages]


def test_letters_of_emnist_are_cut_from_their_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_emnist(tmp_path / "downloads", "A7bAAA")
    monkeypatch.setattr(script, "MAX_EMNIST_LETTERS", 3)
    source = make(tmp_path / "downloads", "emnist-byclass-test-letters")
    assert sorted(source.labels) == ["A", "A", "A", "b"]
    assert set(source.writers) == {""}
    values = grey_values(source)
    assert values == sorted(values)
    assert values[source.labels.index("b")] == 20
    assert {*values} < {0, 20, 30, 40, 50}


def test_digits_of_emnist_that_are_in_the_test_images_of_mnist_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_emnist(tmp_path / "downloads", "7a8901")
    write(tmp_path, "twins.txt", "50\n")  # the bits 01010: the second and the fourth digit
    monkeypatch.setattr(script, "MNIST_TWINS", tmp_path / "twins.txt")
    source = make(tmp_path / "downloads", "emnist-byclass-test-digits")
    assert source.labels == ("7", "9", "1")
    assert grey_values(source) == [0, 30, 50]


def test_the_list_of_left_out_digits_has_a_bit_for_every_digit_of_the_test_part() -> None:
    content = np.frombuffer(bytes.fromhex(script.MNIST_TWINS.read_text()), np.uint8)
    assert len(content) == -(-57_918 // 8)
    assert int(np.unpackbits(content).sum()) == 57_918 - 49_020


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "NumberPad/Data/ujipenchars2.json", '{"rawData": {}}')
    monkeypatch.setattr(script, "MAX_BYTES", 10)
    monkeypatch.setattr(script, "hash_file", pytest.fail)
    assert make_open_data(tmp_path, tmp_path / "open", {"uji2-digits": SOURCES["uji2-digits"]}) == 1
    assert "ujipenchars2.json: more than 10 bytes" in capsys.readouterr().err


def test_a_folder_in_place_of_a_file_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "NumberPad/Data/ujipenchars2.json").mkdir(parents=True)
    assert make_open_data(tmp_path, tmp_path / "open", {"uji2-digits": SOURCES["uji2-digits"]}) == 1
    assert "ujipenchars2.json is missing" in capsys.readouterr().err


def test_another_file_is_refused_with_both_checksums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "NumberPad/Data/ujipenchars2.json", '{"rawData": {}}')
    assert make_open_data(tmp_path, tmp_path / "open", {"uji2-digits": SOURCES["uji2-digits"]}) == 1
    message = capsys.readouterr().err
    assert hashlib.sha256(b'{"rawData": {}}').hexdigest() in message
    assert SOURCES["uji2-digits"].originals[0].sha256 in message
    assert not (tmp_path / "open").exists()


def test_a_folder_with_too_few_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "exupery/public/sketches/axe.ndjson", "")
    assert make_open_data(tmp_path, tmp_path / "open", {"q": SOURCES["quickdraw-doodles"]}) == 1
    assert "1 of 345 files" in capsys.readouterr().err


def test_a_source_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "open/hwd-1000/labels.csv", "mine")
    assert make_open_data(tmp_path, tmp_path / "open", {"hwd-1000": SOURCES["hwd-1000"]}) == 1
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "open/hwd-1000/labels.csv").read_text() == "mine"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["make_open_data.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        script.main()
    return ended.value.code


def test_all_missing_sources_are_named_with_where_they_are_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "nothing", tmp_path / "open") == 1
    message = capsys.readouterr().err
    for name, source in SOURCES.items():
        assert f"{name}: not written" in message
        assert source.published in message
        assert source.origin in message
    assert "UJIpenchars-w11.txt is missing" in message


def test_an_unknown_source_is_refused_with_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, tmp_path / "open", "emnist") == 2
    assert "unknown source emnist; choose from bridger-numberpad" in capsys.readouterr().err
