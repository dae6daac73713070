"""The packaged MNIST database: its four files -> train, validation and test split."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.idx import parse_idx, read_content
from number_prediction.datasets.split import Split, Splits, divide
from number_prediction.errors import DataError

DIGIT_CLASSES = tuple("0123456789")
TRAINING_SIZE = 60_000
"""Number of published training images; the validation part is taken from them."""
VALIDATION_SIZE = 5_000
VALIDATION_SEED = 20_261_122
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the uncompressed published files, see assets/mnist/README.md."""

REJECTED_TEST_LABELS = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558),
    *(5937, 6651, 6783, 8527, 9679, 9729),
)
"""Indices of test images whose labels a human review rejected (Northcutt, Athalye, Mueller, "Pervasive Label
Errors in Test Sets Destabilize Machine Learning Benchmarks", 2021). Reports state a second accuracy without
them, and they measure the command `labels`."""


def load_mnist(folder: Path | None = None) -> Splits:
    """MNIST (LeCun, Cortes, Burges, 1998): 70,000 digits by 250 and more writers.

    The test split is the published one. The published training part is divided into 55,000 images for
    training and 5,000 for validation: always the same images, each digit in equal proportion.

    Args:
        folder: folder of the four gzip files; the default is the packaged one.

    Returns:
        Splits of 55,000, 5,000 and 10,000; images (N, 28, 28) uint8 with ink 255, labels (N,) uint8.

    Raises:
        DataError: a file is missing, or its content differs from the published file.
    """
    if folder is None:
        folder = Path(str(resources.files("number_prediction") / "assets" / "mnist"))
    images, labels, test_images, test_labels = (_read_verified(folder, name) for name in SHA256)
    train, validation = divide(Split(images, labels, DIGIT_CLASSES), VALIDATION_SIZE, seed=VALIDATION_SEED)
    return Splits(train, validation, Split(test_images, test_labels, DIGIT_CLASSES))


def _read_verified(folder: Path, name: str) -> NDArray[np.uint8]:
    path = folder / f"{name}.gz"
    content = read_content(path)
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise DataError(
            f"{path}: the file differs from the published MNIST (SHA-256); install the package again"
        )
    return np.asarray(parse_idx(content, path), dtype=np.uint8)
