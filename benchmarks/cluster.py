"""Pictures a second on a Ray cluster of this machine, and without one.

    python benchmarks/cluster.py [PICTURES]

Reads files of MNIST test digits, 84 x 84 pixels with their paper, in this process on one thread and on one a
core, then on 1 and 2 workers. The first figure holds all that is waited for, the start and end of Ray too,
which are paid once; the second one only what comes after a fifth of the rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.evaluation.robustness import enlarge
from number_prediction.pipeline.cluster import read_on_cluster
from number_prediction.pipeline.digit_reader import read_digits
from number_prediction.pipeline.rows import Row, read_sources

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
WORKERS = (1, 2)


def main() -> None:
    images = np.asarray(load_mnist().test.images)
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / f"{index}.png") for index in range(COUNT)]
        for begin in range(0, COUNT, 1000):
            inks = enlarge(images[np.arange(begin, min(begin + 1000, COUNT)) % len(images)])
            for name, ink in zip(names[begin:], inks, strict=False):
                Image.fromarray(np.rint(255 * (1 - ink)).astype(np.uint8)).save(name)
        for threads in (1, None):
            read = partial(read_digits, Predictor(threads=threads))
            show(f"without Ray, {threads or 'all'} thread(s)", *measure(read_sources(names, read)))
        for workers in WORKERS:
            read = partial(read_digits, Predictor(threads=1))
            show(f"{workers} worker(s)", *measure(read_on_cluster(names, read, workers=workers)))


def measure(rows: Iterator[Row]) -> tuple[float, float]:
    """Seconds in all, and pictures a second between the first fifth of the rows and the last one."""
    begun = time.perf_counter()
    for _ in islice(rows, COUNT // 5):
        pass
    under_way = time.perf_counter()
    rest = sum(1 for _ in islice(rows, COUNT - COUNT // 5))
    rate = rest / (time.perf_counter() - under_way)
    assert not list(rows)  # the cluster ends here
    return time.perf_counter() - begun, rate


def show(what: str, seconds: float, rate: float) -> None:
    print(
        f"{what:25} {COUNT / seconds:6,.0f} a second in {seconds:.1f} s, {rate:6,.0f} under way", flush=True
    )


if __name__ == "__main__":
    main()
