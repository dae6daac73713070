"""Which open data are trained on, and which are left out to fit and measure on."""

from __future__ import annotations

import zlib
from pathlib import Path

from number_prediction.datasets.open_data import OpenSource, load_open_data
from number_prediction.runs.run import Settings

LEFT_OUT = ("bridger-numberpad", "emnist-byclass-test-digits", "hwd-1000", "uji1-letters")
"""Open sources that are never trained on: temperature and threshold are fitted on them. Among the writers of
EMNIST's digits are those of MNIST's test images."""
WRITERS_PER_LEFT_OUT = 8
"""Writers of lines to one whose lines are never trained on."""


def open_sources(settings: Settings) -> tuple[dict[str, OpenSource], dict[str, OpenSource]]:
    """The sources in the run's folder of open data to learn from, and those that are left out."""
    sources = load_open_data(Path(settings.open_data)) if settings.open_data else {}
    learned = {name: source for name, source in sources.items() if name not in LEFT_OUT}
    return learned, {name: source for name, source in sources.items() if name in LEFT_OUT}


def is_left_out(writer: str) -> bool:
    """Whether no line of a writer is trained on, as of about one writer in WRITERS_PER_LEFT_OUT."""
    return zlib.crc32(writer.encode()) % WRITERS_PER_LEFT_OUT == 0
