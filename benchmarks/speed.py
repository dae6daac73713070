"""Speed, memory and size of using a model.

    python benchmarks/speed.py [MODEL.onnx]

Each figure is something a user waits for or pays: the wait for --help, for the first answer, for one more
picture, for ten thousand pictures, and the memory it takes. Prints one line a figure.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.machine import usable_cores

MODEL = sys.argv[1:2]
REPEATS = 9


def main() -> None:
    start = time.perf_counter()
    pictures = load_mnist().test.images
    print(f"load_mnist                          {time.perf_counter() - start:.3f} s")
    assert isinstance(pictures, np.ndarray)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "digit.png"
        Image.fromarray(255 - pictures[0]).save(picture)
        model = ["--model", *MODEL] if MODEL else []
        predict = ["-m", "number_prediction", "predict", str(picture), *model]
        seconds, _ = process([sys.executable, "-m", "number_prediction", "--help"])
        print(f"number-prediction --help            {seconds:.3f} s, median of {REPEATS}")
        seconds, memory = process([sys.executable, *predict])
        print(f"first prediction from process start {seconds:.3f} s, peak memory {memory:.0f} MB")
        for index, image in enumerate(np.resize(pictures, (2000, 28, 28))):
            Image.fromarray(image).save(Path(folder) / f"{index}.png")
        seconds, memory = process([sys.executable, "-m", "number_prediction", "predict", folder, *model], 1)
        print(f"predict a folder of 2,001 files     {seconds:.2f} s, peak memory {memory:.0f} MB")

    one_thread = Predictor(*MODEL, threads=1)
    for side in (28, 280):
        page = np.asarray(Image.fromarray(pictures[0]).resize((side, side), Image.Resampling.BICUBIC))
        times = warm(lambda page=page: one_thread.predict_digits([page]), 1000)
        p50, p95 = np.percentile(times, [50, 95]) * 1000
        print(f"one {side}x{side} picture, one thread    {p50:.3f} ms p50, {p95:.3f} ms p95")
    photo = np.full((3000, 4000), 255, np.uint8)
    photo[1000:2400, 1500:2900] = np.kron(255 - pictures[0], np.ones((50, 50), np.uint8))
    times = warm(lambda: one_thread.predict_digits([photo]), 5)
    print(f"one 12-megapixel picture            {statistics.median(times) * 1000:.0f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"peak memory of all so far           {peak:.0f} MB")
    all_threads = Predictor(*MODEL)
    seconds = statistics.median(warm(lambda: all_threads.predict_digits(pictures), 5))
    print(
        f"10,000 pictures in batches          {len(pictures) / seconds:,.0f} a second, {usable_cores()} cores"
    )
    sides = np.random.default_rng(0).integers(92, 109, 2000)
    mixed = [
        np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        for image, side in zip(pictures, sides.tolist(), strict=False)
    ]
    seconds = statistics.median(warm(lambda: all_threads.predict_digits(mixed), 5))
    print(f"2,000 pictures of 92x92 to 108x108  {len(mixed) / seconds:,.0f} a second, {usable_cores()} cores")
    print(f"model file                          {all_threads.path.stat().st_size / 1000:,.0f} kB")


def warm(call: Callable[[], object], times: int) -> list[float]:
    """Seconds of each call after a few that do not count."""
    for _ in range(3):
        call()
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return seconds


def process(command: list[str], repeats: int = REPEATS) -> tuple[float, float]:
    """Median seconds, and peak memory in megabytes, of a whole process."""
    seconds, peak = [], 0.0
    for _ in range(repeats):
        begun = time.perf_counter()
        started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(started.pid, 0)
        seconds.append(time.perf_counter() - begun)
        assert status == 0
        peak = max(peak, usage.ru_maxrss / 1000)  # kilobytes on Linux
    return statistics.median(seconds), peak


if __name__ == "__main__":
    main()
