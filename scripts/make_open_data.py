"""Bring downloads of open handwriting into the folder that `train --open` reads.

    python scripts/make_open_data.py DOWNLOADS OUTPUT [SOURCE ...]

DOWNLOADS holds a copy of each repository that a source names, in a folder with the repository's name. Without
SOURCE every source is made. docs/how-to/open-data.md says how each one is published. No file is parsed before
its size and SHA-256 were checked.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import random
import string
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from number_prediction.files import write_together
from number_prediction.images.decode import to_page
from number_prediction.images.encoded import MAX_BYTES

Strokes = list[list[list[int]]]
"""The strokes of one drawing, each a list of [x, y]: x to the right, y down."""

BOX_HEIGHT = 500
"""Pen-based digits: height of the box on the tablet, in its units. Their y points up."""
SCAN_SIZE_PX = 64
"""Numbers on forms: side of a picture."""
UNREADABLE_SCANS = {
    "0002_CH5M/5/number-459.png",
    "0002_CH5M/6/number-565.png",
    "0002_CH5M/9/number-19.png",
    "0006_CH4M/3/number-205.png",
    "0006_CH4M/3/number-545.png",
    "0006_CH4M/5/number-92.png",
    "0014_CH3F/6/number-344.png",
    "0015_CH2M/7/number-27.png",
    "0017_CH4M/1/number-599.png",
    "0017_CH4M/7/number-579.png",
    "0021_CH4M/2/number-320.png",
}
"""Numbers on forms: wrong labels and unreadable digits, found by looking at them."""
EMNIST_SIZE_PX = 28
MAX_EMNIST_LETTERS = 700
"""EMNIST: pictures of each letter, at most."""
MNIST_TWINS = Path(__file__).with_name("mnist_twins.txt")
"""EMNIST: one bit for each digit of the test part in its order, hexadecimal; 1 where the digit nearly equals
a test image of MNIST and is left out."""
MEASURED_DOODLES = {"cat", "rainbow", "train"}
"""Doodles: categories on which models are measured, left out."""
SIMPLE_DOODLES = {
    *("boomerang", "circle", "diamond", "hexagon", "key", "lightning", "line", "moon", "mountain", "octagon"),
    *("square", "squiggle", "star", "string bean", "triangle", "zigzag"),
}
"""Doodles: categories most like digits. More of each are kept than of the others."""
MAX_SIMPLE_DOODLES = 90
MAX_DOODLES = 24
MAX_DOODLE_POINTS = 160
DOODLE_SIZE = 255
"""Doodles: longer side of the box into which each is scaled."""
DOODLE_TOLERANCE = 1.2
"""Doodles: distance from its stroke up to which a point is left out, in units of the box."""


@dataclass(frozen=True)
class Original:
    """A published file, or all files of a pattern with `*`."""

    path: str
    """Below DOWNLOADS."""
    sha256: str
    """Of the file. Of a pattern: of the lines that `sha256sum` prints of its files, sorted by path."""
    count: int = 1


@dataclass
class Drawings:
    """The content of a source: per drawing a label, a writer, and either strokes or a picture."""

    labels: list[str]
    writers: list[str]
    strokes: list[Strokes] | None = None
    images: NDArray[np.uint8] | None = None  # (N, H, W)


@dataclass(frozen=True)
class Source:
    """Where a source is published, and how its originals become drawings."""

    origin: str
    """Repository and commit of the originals."""
    published: str
    """Name, authors, and DOI or number."""
    licence: str
    originals: tuple[Original, ...]
    read: Callable[[Path], Drawings]
    """From DOWNLOADS."""


def read_pendigits(downloads: Path) -> Drawings:
    drawings = Drawings([], [], strokes=[])
    path = downloads / "DigitSignature/DataSource/pendigits-orig-tra.txt"
    for label, comment, strokes in read_unipen(path):
        writer = int(comment.split()[1])  # digit, writer, number of the drawing
        flipped = [[[x, BOX_HEIGHT - y] for x, y in stroke] for stroke in strokes]
        add_drawing(drawings, label, f"pen{writer:02d}", without_pauses(flipped))
    return drawings


def read_uji1(downloads: Path) -> Drawings:
    drawings = Drawings([], [], strokes=[])
    for path in sorted(downloads.glob("DigitSignature/DataSource/UJIpenchars-w*.txt")):
        writer = path.stem.removeprefix("UJIpenchars-w")
        for label, _, strokes in read_unipen(path):
            if label.isalpha():
                add_drawing(drawings, label, f"uji2-W{writer}", without_pauses(strokes))
    return drawings


def read_uji2(downloads: Path) -> Drawings:
    drawings = Drawings([], [], strokes=[])
    content = json.loads((downloads / "NumberPad/Data/ujipenchars2.json").read_text(encoding="utf-8"))
    for label, characters in sorted(content["rawData"].items()):
        for index, strokes in enumerate(characters):
            writer = index // 2 + 1  # two sessions each
            add_drawing(drawings, label, f"uji2-W{writer:02d}", without_pauses(strokes))
    return drawings


def read_bridger(downloads: Path) -> Drawings:
    drawings = Drawings([], [], strokes=[])
    for name in ("bridger_all.json", "bridger_test.json"):
        content = json.loads((downloads / "NumberPad/Data" / name).read_text(encoding="utf-8"))
        for label, characters in content["rawData"].items():
            for strokes in characters:
                add_drawing(drawings, label, "bridger", without_pauses(strokes))
    return drawings


def read_doodles(downloads: Path) -> Drawings:
    drawings = Drawings([], [], strokes=[])
    chosen = random.Random(0)
    for path in sorted(downloads.glob("exupery/public/sketches/*.ndjson"), key=lambda path: path.name):
        if path.stem in MEASURED_DOODLES:
            continue
        with path.open(encoding="utf-8") as lines:
            doodles = [doodle for doodle in map(json.loads, lines) if doodle["recognized"]]
        chosen.shuffle(doodles)
        for doodle in doodles[: MAX_SIMPLE_DOODLES if path.stem in SIMPLE_DOODLES else MAX_DOODLES]:
            strokes = simplify_doodle(doodle["drawing"])
            if sum(map(len, strokes)) <= MAX_DOODLE_POINTS:
                add_drawing(drawings, path.stem, f"qd-{doodle['key_id']}", strokes)
    return drawings


def read_hwd(downloads: Path) -> Drawings:
    folder = downloads / "hwd-1000-dataset"
    with (folder / "dataset.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    images = np.stack([to_page(folder / row["image"]) for row in rows])
    return Drawings([row["label"] for row in rows], ["hwd"] * len(rows), images=images)


def read_kensanata(downloads: Path) -> Drawings:
    folder = downloads / "anagnostes/numbers"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*/*.png"))
    names = [name for name in names if name not in UNREADABLE_SCANS]
    images = np.stack([fit_square(to_page(folder / name)) for name in names])
    people, labels, _ = zip(*(name.split("/") for name in names), strict=True)
    return Drawings(list(labels), [f"ken-{person}" for person in people], images=images)


def read_emnist_letters(downloads: Path) -> Drawings:
    labels, images = read_emnist(downloads)
    generator = np.random.default_rng(0)
    chosen: list[int] = []
    for letter in string.ascii_uppercase + string.ascii_lowercase:
        indices = [index for index, label in enumerate(labels) if label == letter]
        chosen += generator.permutation(indices)[:MAX_EMNIST_LETTERS].tolist()
    return choose(labels, images, sorted(chosen))


def read_emnist_digits(downloads: Path) -> Drawings:
    labels, images = read_emnist(downloads)
    digits = [index for index, label in enumerate(labels) if label.isdecimal()]
    twins = np.unpackbits(np.frombuffer(bytes.fromhex(MNIST_TWINS.read_text(encoding="ascii")), np.uint8))
    return choose(labels, images, [digit for digit, twin in zip(digits, twins, strict=False) if not twin])


def read_emnist(downloads: Path) -> tuple[list[str], NDArray[np.uint8]]:
    """All characters of the test part of EMNIST ByClass: labels and images (N, 28, 28), upright."""
    folder = downloads / "emnist-packed/emnist-byclass"
    content = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    labels = [chr(content["mapping"][index]) for index in content["id"]]
    images = [cut_sheet(to_page(folder / name)) for name in content["files"]]
    return labels, np.concatenate(images)


def cut_sheet(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sheet (28 R, 28 C) of pictures without gaps -> (R C, 28, 28), row by row."""
    rows, columns = (length // EMNIST_SIZE_PX for length in sheet.shape)
    grid = sheet.reshape(rows, EMNIST_SIZE_PX, columns, EMNIST_SIZE_PX).swapaxes(1, 2)
    return grid.reshape(-1, EMNIST_SIZE_PX, EMNIST_SIZE_PX)


def choose(labels: list[str], images: NDArray[np.uint8], indices: list[int]) -> Drawings:
    """Some pictures by writers who are not known."""
    return Drawings([labels[index] for index in indices], [""] * len(indices), images=images[indices])


def read_unipen(path: Path) -> list[tuple[str, str, Strokes]]:
    """Label, first comment and strokes of each segment in a file of the UNIPEN format."""
    segments: list[tuple[str, str, Strokes]] = []
    for line in path.read_text(encoding="ascii").splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == ".SEGMENT":
            segments.append((rest.split('"')[1], "", []))
        elif segments and keyword == ".COMMENT" and not segments[-1][1]:
            segments[-1] = (segments[-1][0], rest, segments[-1][2])
        elif keyword == ".PEN_DOWN":
            segments[-1][2].append([])
        elif segments and line.strip() and not line.startswith("."):
            segments[-1][2][-1].append([int(value) for value in line.split()])
    return segments


def without_pauses(strokes: Strokes) -> Strokes:
    """Strokes without points that repeat the one before."""
    return [
        [point for index, point in enumerate(stroke) if index == 0 or point != stroke[index - 1]]
        for stroke in strokes
    ]


def simplify_doodle(drawing: list[list[list[float]]]) -> Strokes:
    """Strokes of a raw drawing (x values, y values and times of a stroke), scaled and with fewer points."""
    strokes = [np.array(stroke[:2], np.float64).T for stroke in drawing]
    points = np.concatenate(strokes)
    corner = points.min(axis=0)
    scale = DOODLE_SIZE / max((points.max(axis=0) - corner).max(), 1e-9)
    kept = [drop_points((stroke - corner) * scale) for stroke in strokes]
    return [np.rint(stroke).astype(int).tolist() for stroke in kept]


def drop_points(stroke: NDArray[np.float64]) -> NDArray[np.float64]:
    """A stroke (K, 2) without points that are close to a straight line (Ramer, Douglas and Peucker)."""
    if len(stroke) < 3:
        return stroke
    offsets = stroke - stroke[0]
    direction = offsets[-1]
    length = np.hypot(*direction)
    across = direction[0] * offsets[:, 1] - direction[1] * offsets[:, 0]
    distances = np.abs(across) / length if length > 0 else np.hypot(*offsets.T)
    farthest = int(distances.argmax())
    if distances[farthest] <= DOODLE_TOLERANCE:
        return stroke[[0, -1]]
    return np.concatenate([drop_points(stroke[: farthest + 1])[:-1], drop_points(stroke[farthest:])])


def fit_square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture padded to a square by the median of its border, then reduced by area."""
    height, width = image.shape
    side = max(height, width)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    square = np.full((side, side), int(np.median(border)), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = image
    edges = np.arange(SCAN_SIZE_PX + 1) * side / SCAN_SIZE_PX
    pixels = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = overlap.clip(0) * SCAN_SIZE_PX / side
    return np.asarray(np.rint(weights @ square @ weights.T), np.uint8)


def add_drawing(drawings: Drawings, label: str, writer: str, strokes: Strokes) -> None:
    assert drawings.strokes is not None
    drawings.labels.append(label)
    drawings.writers.append(writer)
    drawings.strokes.append(strokes)


EMNIST_PACKED = "github:0r4nd/emnist-packed@0f121efc642634809af4f2f443b70152f71b9a51"
EMNIST = (
    "EMNIST: Extending MNIST to handwritten letters, Cohen, Afshar, Tapson and van Schaik 2017, "
    "DOI 10.1109/IJCNN.2017.7966217, arXiv 1702.05373, test part of ByClass"
)
EMNIST_LICENCE = "NIST Special Database 19: work of the US Government, https://www.nist.gov/open/license"
EMNIST_ORIGINALS = (
    Original(
        "emnist-packed/emnist-byclass/X_test_*.webp",
        "89e4f608cd3296dbe4c449bf42a5f252bdcffc3c7f8581363bb54a0bf2a63ceb",
        count=8,
    ),
    Original(
        "emnist-packed/emnist-byclass/test.json",
        "b2d4f5349865e3e808b93c432df28358dea9a46b63e8da1bc9916726d89a56da",
    ),
)
DIGIT_SIGNATURE = "github:yangxikevinou/DigitSignature@16f5add2ccfb27c380541ac6fbf2cc5858084695"
NUMBER_PAD = "github:bridger/NumberPad@de2f2285144d16346bffdd37b94af75eb6fa2d13"
UJI1_SHA256 = (
    "fdbaac66233c05fbf685a977807ec7555a8753d9c20702b40ac99f3e1fb635f6",
    "d576a82ec0ddd72456051437cd5818e357e00df6f224a78236a10348d1ee9cbd",
    "f4f8ce957dac7f67cda197f2bfa2ef8e8cb7ce8bdfd1f6a298d0f0f9f580e1cc",
    "ff40fe0cfa9b0a1bd5a23971978f71b0b5f212d2bce1662551c651f597996256",
    "6aacaad8bc19efec531ef8cb9cbf93deac4ddc6547a7177f5004bf7430b2e6c7",
    "3a96f361394cb208ac6182bb9c513edca42332473fe71fda8aeb4ebe4ab7e6be",
    "e1e42923f74924b70455803741596bd5e387e60c1e111ff289bc2606bd82f855",
    "b06b620c24df8e25179dac8e65b812086891d0909e767f37e0b0218a8a2f7528",
    "7d7c0d6a77f66f26820605a679adb27e4eeafc93a42f454d9ec1bb50bb381d21",
    "84fbc105f23a11dd5edb819af883be76b09a0ae1535ea04141c20c2b97b27e4e",
    "93d341a429b55936fc975ba9beff9049352563935d16696878e988513fe1a99d",
)
"""Files of the writers 1 to 11."""
SOURCES: dict[str, Source] = {
    "bridger-numberpad": Source(
        origin=NUMBER_PAD,
        published="NumberPad, github:bridger/NumberPad",
        licence="Apache-2.0",
        originals=(
            Original(
                "NumberPad/Data/bridger_all.json",
                "de227d31c51e84d1594f6f5dbaab2c9e0aff81e86a3d5425ce425998aee43e0e",
            ),
            Original(
                "NumberPad/Data/bridger_test.json",
                "488653d3bdaddc2b296c8b772ca97fdba5eef3adbe31432df86c6ad5c1661410",
            ),
        ),
        read=read_bridger,
    ),
    "emnist-byclass-test-digits": Source(
        EMNIST_PACKED, EMNIST, EMNIST_LICENCE, EMNIST_ORIGINALS, read_emnist_digits
    ),
    "emnist-byclass-test-letters": Source(
        EMNIST_PACKED, EMNIST, EMNIST_LICENCE, EMNIST_ORIGINALS, read_emnist_letters
    ),
    "hwd-1000": Source(
        origin="github:niklashenning/hwd-1000-dataset@93b3ba9e45624ee557360229a42298eaa6b3a106",
        published="HWD-1000, Niklas Henning 2024, github:niklashenning/hwd-1000-dataset",
        licence="MIT",
        originals=(
            Original(
                "hwd-1000-dataset/dataset.csv",
                "ea9a3819887f5b16eff22bb9f43124a62f543998cbd94fb3dc1fe16147494c13",
            ),
            Original(
                "hwd-1000-dataset/img/*.png",
                "fc7003353ded18d99a293be6c0e32c0bb5eebda445643a384c5d9ed7cf6a73e9",
                count=1000,
            ),
        ),
        read=read_hwd,
    ),
    "kensanata-numbers": Source(
        origin="github:BSI-Business-Systems-Integration-AG/anagnostes@fd24d4bf18dd042708ff928c30151f65678ddc34",
        published="numbers, Alex Schroeder 2017, github:kensanata/numbers, copied in anagnostes",
        licence="MIT (github:kensanata/numbers)",
        originals=(
            Original(
                "anagnostes/numbers/*/*/*.png",
                "4977ed37f52c38042ed19e688574035260dff8d0c7a6e789425ccc0b93a9cfc6",
                count=12221,
            ),
        ),
        read=read_kensanata,
    ),
    "pendigits-orig-train": Source(
        origin=DIGIT_SIGNATURE,
        published="Pen-Based Recognition of Handwritten Digits, Alpaydin and Alimoglu, "
        "UCI data set 81, DOI 10.24432/C5MG6K, file pendigits-orig.tra",
        licence="CC BY 4.0",
        originals=(
            Original(
                "DigitSignature/DataSource/pendigits-orig-tra.txt",
                "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4",
            ),
        ),
        read=read_pendigits,
    ),
    "quickdraw-doodles": Source(
        origin="github:borismus/exupery@5ab788cb27b61d790d9f289d2fb3944748115f85",
        published="Quick, Draw!, Google, github:googlecreativelab/quickdraw-dataset, part in exupery",
        licence="CC BY 4.0",
        originals=(
            Original(
                "exupery/public/sketches/*.ndjson",
                "bda63c1e4819e318cbe9ebf70458f5363e90c0867c76eba23183529e7a0a212d",
                count=345,
            ),
        ),
        read=read_doodles,
    ),
    "uji1-letters": Source(
        origin=DIGIT_SIGNATURE,
        published="UJI Pen Characters, Llorens et al. 2008, UCI data set 160",
        licence="CC BY 4.0",
        originals=tuple(
            Original(f"DigitSignature/DataSource/UJIpenchars-w{writer:02d}.txt", sha256)
            for writer, sha256 in enumerate(UJI1_SHA256, 1)
        ),
        read=read_uji1,
    ),
    "uji2-digits": Source(
        origin=NUMBER_PAD,
        published="UJI Pen Characters (Version 2), Prat et al. 2008, UCI data set 177, DOI 10.24432/C5FG8S, "
        "its digits copied in NumberPad",
        licence="CC BY 4.0",
        originals=(
            Original(
                "NumberPad/Data/ujipenchars2.json",
                "e09d00763f0ff33a98f5e2d14b3140c41423b27497af543c9cef4cdc1f3edc31",
            ),
        ),
        read=read_uji2,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("downloads", type=Path, help="folder with a copy of each repository")
    parser.add_argument("output", type=Path, help="folder to write, for train --open")
    parser.add_argument("source", nargs="*", help=f"one of {', '.join(SOURCES)}; all if none is named")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.source) - set(SOURCES))
    if unknown:
        parser.error(f"unknown source {', '.join(unknown)}; choose from {', '.join(SOURCES)}")
    chosen = {name: SOURCES[name] for name in arguments.source or SOURCES}
    sys.exit(1 if make_open_data(arguments.downloads, arguments.output, chosen) else 0)


def make_open_data(downloads: Path, output: Path, sources: Mapping[str, Source]) -> int:
    """Write each source whose originals are complete, and print what the others lack.

    Returns:
        How many sources could not be written.
    """
    failed = 0
    for name, source in sources.items():
        problems = find_problems(downloads, output / name, source)
        if problems:
            failed += 1
            print(f"{name}: not written", *problems, sep="\n  ", file=sys.stderr)
            continue
        drawings = source.read(downloads)
        write_together(output / name, source_files(source, drawings))
        print(f"{name}: {len(drawings.labels)} drawings")
    return failed


def find_problems(downloads: Path, folder: Path, source: Source) -> list[str]:
    """Why a source cannot be written, and what to do; empty if it can."""
    if folder.exists():
        return [f"{folder} already exists; remove it or choose another OUTPUT"]
    problems = [problem for original in source.originals for problem in check(downloads, original)]
    if problems:
        problems += [
            f"published as: {source.published}",
            f"copy {source.origin} into {downloads}, with its line ends (docs/how-to/open-data.md)",
        ]
    return problems


def check(downloads: Path, original: Original) -> list[str]:
    """What is wrong with an original; empty if nothing."""
    where = downloads / original.path
    paths = sorted(path for path in downloads.glob(original.path) if path.is_file())
    if len(paths) != original.count:
        return [f"{where}: {len(paths)} of {original.count} files" if paths else f"{where} is missing"]
    large = [f"{path}: more than {MAX_BYTES:,} bytes" for path in paths if path.stat().st_size > MAX_BYTES]
    if large:
        return large
    hashes = {path.relative_to(downloads).as_posix(): hash_file(path) for path in paths}
    sha256 = hash_lines(hashes) if "*" in original.path else hashes[original.path]
    if sha256 != original.sha256:
        return [f"{where} has SHA-256 {sha256}, expected {original.sha256}"]
    return []


def hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_lines(hashes: Mapping[str, str]) -> str:
    """SHA-256 of what `sha256sum` prints of files, from the hash of each path."""
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def source_files(source: Source, drawings: Drawings) -> dict[str, bytes | str]:
    """Name -> content of the files of a source. meta.json comes last: only a complete folder is a source."""
    if drawings.images is not None:
        file, packed = "data.npz", io.BytesIO()
        np.savez_compressed(packed, images=drawings.images)
        content: bytes | str = packed.getvalue()
    else:
        file = "strokes.jsonl"
        lines = [json.dumps({"strokes": each}, separators=(",", ":")) for each in drawings.strokes or ()]
        content = "".join(f"{line}\n" for line in lines)
    labels = io.StringIO()
    table = csv.writer(labels, lineterminator="\n")
    table.writerow(["file", "label", "writer"])
    for index, (label, writer) in enumerate(zip(drawings.labels, drawings.writers, strict=True)):
        table.writerow([f"{file}[{index}]", label, writer])
    paths = " ".join(original.path.partition("/")[2] for original in source.originals)
    meta = {
        "source": f"{source.origin} {paths} ({source.published})",
        "license": source.licence,
        "n": len(drawings.labels),
    }
    return {file: content, "labels.csv": labels.getvalue(), "meta.json": json.dumps(meta, indent=1) + "\n"}


if __name__ == "__main__":
    main()
