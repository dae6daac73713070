"""Path -> splits. A data set is a file (CSV, NPZ, Parquet), or a folder of such files, IDX files or classes.

- IDX files are named like MNIST and its relatives: an optional prefix, `train`, `test` or `t10k`, `images` or
  `labels`, and `idx3-ubyte` or similar, plain or gzip. A root of torchvision holds them in `MNIST/raw`.
- A CSV file (`datasets.digit_csv`) is given itself, or is the `train.csv` of a folder, perhaps beside a
  `test.csv`. With a prefix, as in `mnist_train.csv`, a folder may hold several sets.
- An NPZ file (`datasets.arrays`) is that of Keras. Parquet files (`datasets.digit_parquet`) are those of
  Hugging Face.
- Class folders (`datasets.folders`) hold the pictures of one class each, perhaps inside `train`, `validation`
  and `test`.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.arrays import read_digit_arrays
from number_prediction.datasets.digit_csv import has_labels, names_pixels, read_digit_csv
from number_prediction.datasets.digit_parquet import read_digit_parquet
from number_prediction.datasets.folders import (
    NO_SUCH_FOLDER,
    is_class_folder,
    read_class_folders,
    require_class_count,
)
from number_prediction.datasets.idx import read_idx
from number_prediction.datasets.mnist import REJECTED_TEST_LABELS, TRAINING_SIZE, load_mnist
from number_prediction.datasets.orientation import looks_transposed
from number_prediction.datasets.split import Split, Splits, divide, join
from number_prediction.errors import DataError

Part: TypeAlias = Literal["test", "validation", "all"]
"""Part of a data set to evaluate on."""
EMBEDDED = "mnist"
"""Name of the packaged MNIST."""
TRANSPOSED = "transposed:"
"""Before a path: the files hold pictures with rows and columns swapped."""
TEST_SHARE = 1 / 6
VALIDATION_SHARE = 1 / 12
"""Shares that are divided off a data set without these parts; as in MNIST with 60,000 + 10,000 images."""
DIVISION_SEED = 0

_IDX_NAME = re.compile(
    r"(?P<prefix>.*?)[-_.]?(?P<part>train|t10k|test)[-_.](?P<kind>images|labels)"
    r"[-_.]idx\d[-_.](?:ubyte|int)(?:\.gz)?",
    re.IGNORECASE,
)
_CSV_NAME = re.compile(r"(?P<prefix>.*?)[-_.]?(?P<part>train|test)\.csv(?:\.gz)?", re.IGNORECASE)
_CSV_SUFFIXES = (".csv", ".csv.gz")
_PARQUET_PART = re.compile(r"(?P<part>train|validation|valid|test)\b.*\.parquet", re.IGNORECASE)
_EMNIST = "emnist"
"""How the names of files begin that hold transposed pictures, as EMNIST was published."""
_RAW_FOLDERS = ("raw", "*/raw")
"""Where torchvision stores IDX files inside its root, or inside the folder of one set."""
_KINDS = "a folder of IDX files or of class folders, or a file .csv, .npz or .parquet"


def load_dataset(source: str | Path = EMBEDDED) -> Splits:
    """Load a data set to train on. Missing validation and test parts are divided off, stratified.

    Args:
        source: "mnist"; a folder of IDX files (`folder/prefix` if it holds several sets, such as
            `emnist/emnist-digits`); a CSV, NPZ or Parquet file, or a folder with such files; or a folder
            with one folder of pictures per class. `transposed:PATH` swaps rows and columns of the pictures
            in files; those of EMNIST, known by its names, are swapped anyway.

    Raises:
        DataError: missing or damaged; the message names the file and says what to do.
        MissingExtraError: the data set is a CSV or Parquet file, and pandas or pyarrow is not installed.

    Warns:
        UserWarning: the pictures look as if rows and columns were swapped.
    """
    if source == EMBEDDED:
        return load_mnist()
    parts = _read_parts(source)
    if "train" not in parts:
        raise DataError(f"{source}: no training part; give a folder with one")
    train = parts["train"]
    if "test" in parts:
        test = parts["test"]
    else:
        train, test = divide(train, _share(train, TEST_SHARE), seed=DIVISION_SEED)
    if "validation" in parts:
        validation = parts["validation"]
    else:
        train, validation = divide(train, _share(train, VALIDATION_SHARE), seed=DIVISION_SEED)
    _require_all_classes(train, _path_of(source))
    if looks_transposed(train):
        warnings.warn(
            f"{source}: rows and columns of the pictures look swapped, as in EMNIST; add --transposed, "
            f"or load {TRANSPOSED}{source}",
            stacklevel=2,
        )
    return Splits(train, validation, test)


def load_evaluation_split(source: str | Path, part: str, *, divided: bool) -> Split:
    """Load a part of a data set to evaluate on.

    Args:
        source: see `load_dataset`.
        part: "test", "validation" or "all".
        divided: whether a data set without parts is divided as for training; otherwise all of it is
            returned.
    """
    if source == EMBEDDED or divided:
        splits = load_dataset(source)
        parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    else:
        parts = _read_parts(source)
    if part == "all" or (len(parts) == 1 and part == "test"):
        return join(list(parts.values()), name=str(source))
    if part not in parts:
        raise DataError(f"{source}: no {part} part; choose from {', '.join(parts)}")
    return parts[part]


def rejected_labels(source: str, part: str) -> NDArray[np.intp]:
    """Return the indices (R,) whose labels a published review rejected, in a part of `load_evaluation_split`.

    Only the packaged MNIST was reviewed; other data sets have none.
    """
    known = np.array(REJECTED_TEST_LABELS, dtype=np.intp)
    if source == EMBEDDED and part == "test":
        return known
    if source == EMBEDDED and part == "all":  # the test images come last
        return known + TRAINING_SIZE
    return known[:0]


def canonical_source(source: str | os.PathLike[str]) -> str:
    """Return the name that runs store for a data set: "mnist" or an absolute path."""
    name = os.fspath(source)
    prefix = TRANSPOSED if name.startswith(TRANSPOSED) else ""
    return name if name == EMBEDDED else prefix + str(_path_of(name).resolve())


def display_name(source: str) -> str:
    """Return the name of a data set for titles."""
    return "MNIST" if source == EMBEDDED else _path_of(source).name


def describe_part(data: str, part: str, *, is_own: bool) -> str:
    """What was measured on, in words; a data set other than the model's own counts as a whole."""
    return f"{data}, {part} part" if is_own else data


def find_csv(source: str | Path) -> Path | None:
    """Find the CSV file of the training part of a data set; None if the data set is of another kind."""
    path = _path_of(source)
    if source == EMBEDDED:
        return None
    if path.is_file():
        return path if path.name.lower().endswith(_CSV_SUFFIXES) else None
    folder, prefix = (path, None) if path.is_dir() else (path.parent, path.name)
    if not folder.is_dir() or _find_idx_files(folder):
        return None
    sets = _find_csv_files(folder)
    chosen = prefix if prefix is not None else "" if "" in sets else next(iter(sets), None)
    if chosen is None or chosen not in sets or (prefix is None and chosen and len(sets) > 1):
        return None
    inside = sets[chosen]["train"]
    is_about_folders = any(is_class_folder(each) for each in folder.iterdir()) and not names_pixels(inside)
    return None if is_about_folders else inside


def _path_of(source: str | Path) -> Path:
    """Return the path of a data set, without the prefix `transposed:`."""
    return Path(str(source).removeprefix(TRANSPOSED))


def _share(split: Split, share: float) -> int:
    return max(1, round(len(split) * share))


def _read_parts(source: str | Path) -> dict[str, Split]:
    """Read the existing parts "train", "validation" and "test"; a set without parts is "train"."""
    path = _path_of(source)
    swapped = str(source).startswith(TRANSPOSED)
    csv_file = find_csv(path)
    if csv_file is not None:
        parts = _read_csv_parts(csv_file, with_test=not path.is_file())
        swapped = swapped or csv_file.name.lower().startswith(_EMNIST)
    elif path.is_file():
        parts = _read_file(path)
    elif path.is_dir() and (files := _find_parquet_files(path)):
        parts = _read_parquet_parts(files, path)
    else:
        folder, prefix, idx_files = _find_idx_set(path)
        if prefix is None:
            if swapped:
                raise DataError(f"{path}: pictures in class folders are not transposed; leave out transposed")
            return read_class_folders(folder)
        parts = _read_idx_parts(folder, prefix, idx_files[prefix])
        swapped = swapped or prefix.lower().startswith(_EMNIST)
    return {part: _transpose(split) for part, split in parts.items()} if swapped else parts


def _transpose(split: Split) -> Split:
    images = np.ascontiguousarray(np.asarray(split.images).swapaxes(1, 2))
    return Split(images, split.labels, split.classes)


def _read_file(path: Path) -> dict[str, Split]:
    """Read a file that is no CSV file."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        tables = read_digit_arrays(path)
        images = {part: table.images for part, table in tables.items()}
        values = {part: table.labels for part, table in tables.items() if table.labels is not None}
        return _number_classes(images, values, path)
    if suffix == ".parquet":
        return _read_parquet_parts({"train": [path]}, path)
    if _IDX_NAME.fullmatch(path.name):
        raise DataError(f"{path}: one of the IDX files of a data set; give its folder, {path.parent}")
    raise DataError(f"{path}: the file is of no known kind; give {_KINDS}")


def _read_parquet_parts(files: dict[str, list[Path]], source: Path) -> dict[str, Split]:
    images, values, names = {}, {}, None
    for part, paths in files.items():
        table, found = read_digit_parquet(paths)
        assert table.labels is not None
        images[part], values[part], names = table.images, table.labels, names or found
    if names is None:
        return _number_classes(images, values, source)
    require_class_count(len(names), source)
    for labels in values.values():
        if labels.min() < 0 or labels.max() >= len(names):
            raise DataError(f"{source}: labels {labels.min()} to {labels.max()}, but {len(names)} classes")
    return {part: Split(images[part], values[part].astype(np.uint8), names) for part in images}


def _find_parquet_files(folder: Path) -> dict[str, list[Path]]:
    """Find part -> Parquet files in a folder or in its only subfolder with some; {} if there are none."""
    for pattern in ("*.parquet", "*/*.parquet"):
        paths = [path for path in sorted(folder.glob(pattern)) if not path.name.startswith(".")]
        if not paths:
            continue
        if len({path.parent for path in paths}) > 1:
            names = ", ".join(str(each) for each in sorted({path.parent for path in paths}))
            raise DataError(f"{folder}: the folder holds several data sets; choose one of {names}")
        parts: dict[str, list[Path]] = {}
        for path in paths:
            match = _PARQUET_PART.match(path.name)
            part = match["part"].lower() if match else "train"
            parts.setdefault("validation" if part == "valid" else part, []).append(path)
        return parts
    return {}


def _find_idx_set(path: Path) -> tuple[Path, str | None, dict[str, dict[tuple[str, str], Path]]]:
    """Find the folder and the prefix of a set of IDX files, and all sets; no prefix: class folders."""
    if path.is_dir():
        folder, prefix = path, None
    elif path.parent.is_dir():
        folder, prefix = path.parent, path.name
    else:
        raise DataError(f"{path}: {NO_SUCH_FOLDER}")
    idx_files = _find_idx_files(folder)
    if not idx_files:
        raw = [each for name in _RAW_FOLDERS for each in sorted(folder.glob(name)) if _find_idx_files(each)]
        if len(raw) > 1 and prefix is None:
            names = ", ".join(str(each) for each in raw)
            raise DataError(f"{folder}: the folder holds several data sets; choose one of {names}")
        if raw:
            folder = raw[0]
            idx_files = _find_idx_files(folder)
    if prefix is not None and prefix not in idx_files:
        raise DataError(f"{path}: {NO_SUCH_FOLDER}")
    if idx_files and prefix is None:
        if len(idx_files) > 1 and "" not in idx_files:
            names = ", ".join(str(folder / name) for name in sorted(idx_files))
            raise DataError(f"{folder}: the folder holds several data sets; choose one of {names}")
        prefix = "" if "" in idx_files else next(iter(idx_files))
    if prefix is None and len(csv_files := _find_csv_files(folder)) > 1 and "" not in csv_files:
        names = ", ".join(str(folder / name) for name in sorted(csv_files))
        raise DataError(f"{folder}: the folder holds several data sets; choose one of {names}")
    return folder, prefix, idx_files


def _find_csv_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Find prefix -> part -> CSV file, of sets with a training part."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _CSV_NAME.fullmatch(path.name)
        if match and path.is_file() and not path.name.startswith("."):
            found.setdefault(match["prefix"], {}).setdefault(match["part"].lower(), path)
    return {prefix: files for prefix, files in found.items() if "train" in files}


def _find_idx_files(folder: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """Find prefix -> (part, "images" or "labels") -> file."""
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _IDX_NAME.fullmatch(path.name)
        if match and path.is_file():
            part = "train" if match["part"].lower() == "train" else "test"
            found.setdefault(match["prefix"], {}).setdefault((part, match["kind"].lower()), path)
    return found


def _read_idx_parts(folder: Path, prefix: str, files: dict[tuple[str, str], Path]) -> dict[str, Split]:
    images: dict[str, NDArray[np.uint8]] = {}
    values: dict[str, NDArray[np.int64]] = {}
    for part in ("train", "test"):
        present = {kind: files[part, kind] for kind in ("images", "labels") if (part, kind) in files}
        if not present:
            continue
        if len(present) == 1:
            ((kind, path),) = present.items()
            missing = "labels" if kind == "images" else "images"
            raise DataError(f"{path}: the {missing} file is missing; put it beside this file")
        images[part] = _read_idx_images(present["images"])
        values[part] = _read_idx_labels(present["labels"])
        if len(images[part]) != len(values[part]):
            raise DataError(
                f"{present['labels']}: {len(values[part])} labels, but {present['images'].name} holds "
                f"{len(images[part])} images; take both files from one download"
            )
    return _number_classes(images, values, folder, folder / f"{prefix}-mapping.txt")


def _number_classes(
    images: dict[str, NDArray[np.uint8]],
    values: dict[str, NDArray[np.int64]],
    source: Path,
    mapping: Path | None = None,
) -> dict[str, Split]:
    """Make splits of parts with any integers as labels; each integer that occurs is a class."""
    original = np.unique(np.concatenate(list(values.values())))
    require_class_count(len(original), source)
    names = _class_names(mapping, original)
    return {
        part: Split(images[part], np.searchsorted(original, values[part]).astype(np.uint8), names)
        for part in images
    }


def _read_csv_parts(train: Path, *, with_test: bool) -> dict[str, Split]:
    """Read the file and, `with_test`, the test file beside it; one without labels is not a part."""
    paths = {"train": train}
    match = _CSV_NAME.fullmatch(train.name)
    prefix = match["prefix"] if match else ""
    test = _find_csv_files(train.parent).get(prefix, {}).get("test") if with_test else None
    if test is not None and has_labels(test):
        paths["test"] = test
    images, values = {}, {}
    for part, path in paths.items():
        table = read_digit_csv(path)
        if table.labels is None:
            raise DataError(f"{path}: no column of labels; give a file with one, such as train.csv")
        images[part], values[part] = table.images, table.labels
    return _number_classes(images, values, train, train.with_name(f"{prefix}-mapping.txt"))


def _read_idx_images(path: Path) -> NDArray[np.uint8]:
    images = read_idx(path)
    if images.ndim != 3 or images.dtype != np.uint8 or images.size == 0:
        raise DataError(
            f"{path}: {images.dtype} of shape {images.shape} instead of images (N, H, W) uint8; "
            "give the published images file"
        )
    return np.asarray(images, dtype=np.uint8)


def _read_idx_labels(path: Path) -> NDArray[np.int64]:
    labels = read_idx(path)
    if labels.ndim not in (1, 2) or labels.size == 0 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {labels.dtype} of shape {labels.shape} instead of labels (N,); "
            "give the published labels file"
        )
    column = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST: class first, then its provenance
    return column.astype(np.int64)


def _class_names(mapping: Path | None, labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Name the labels: characters of the EMNIST mapping file if there is one, else the numbers."""
    if mapping is None or not mapping.is_file():
        return tuple(str(label) for label in labels)
    try:
        rows = [line.split() for line in mapping.read_text().splitlines() if line.strip()]
        names = {int(row[0]): chr(int(row[1])) for row in rows}
        return tuple(names[int(label)] for label in labels)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise DataError(
            f"{mapping}: not a mapping of all labels; write a line with label and character code for each"
        ) from error


def _require_all_classes(train: Split, source: Path) -> None:
    counts = np.bincount(train.labels, minlength=len(train.classes))
    if len(train.classes) < 2:
        raise DataError(f"{source}: only one class; give at least two")
    for name, count in zip(train.classes, counts, strict=True):
        if count == 0:
            raise DataError(
                f"{source}: the class {name!r} has no training pictures; add some or remove the class"
            )
