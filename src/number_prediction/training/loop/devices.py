"""Which device, how many threads, which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from number_prediction.errors import TrainingError

DEVICES = ("cuda", "mps", "cpu")


def pick_device(name: str | None = None, place: int | None = None) -> torch.device:
    """The device of that name; by default the first of cuda, mps and cpu that the machine has.

    Args:
        name: "cuda", "mps" or "cpu".
        place: number of this process among those that train together on this machine; each takes its own GPU.

    Raises:
        TrainingError: the machine has no such device, or too few for the processes.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name is None:
        name = next(device for device in DEVICES if present[device])
    if not present.get(name, False):
        usable = ", ".join(device for device in DEVICES if present[device])
        raise TrainingError(f"this machine has no device {name!r}; there is {usable}")
    if place is not None:
        _take_own(name, place)
    return torch.device(name)


def _take_own(name: str, place: int) -> None:
    """Make "cuda" the GPU of that number; all processes share the processor."""
    if name == "mps":
        raise TrainingError("several processes cannot train on mps; add --device cpu")
    if name == "cuda":
        count = torch.cuda.device_count()
        if place >= count:
            raise TrainingError(
                f"this machine has {count} GPUs, and each process needs one: give torchrun "
                f"--nproc_per_node {count}, or add --device cpu"
            )
        torch.cuda.set_device(place)


@contextmanager
def computing_with(threads: int, device: str) -> Iterator[None]:
    """Compute with this many threads and, with cuDNN, reproducibly.

    Inside, torch's default random generators are free to use. On leaving, threads, generators and cuDNN's
    settings of the process are as before.
    """
    cudnn = torch.backends.cudnn
    before = torch.get_num_threads(), cudnn.deterministic, cudnn.benchmark
    gpus = range(torch.cuda.device_count()) if device == "cuda" else ()
    with torch.random.fork_rng(gpus):
        torch.set_num_threads(threads)
        if device == "cuda":
            cudnn.deterministic, cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            if device == "cuda":
                cudnn.deterministic, cudnn.benchmark = before[1:]


def usable_precision(wanted: str, device: torch.device) -> Literal["bf16", "fp32"]:
    """bf16 if it is wanted and the device computes in it, else fp32.

    The kind of the device decides, never a measurement: the same seed, threads and kind of machine give the
    same weights. Many devices only emulate bf16.
    """
    if wanted != "bf16" or device.type == "mps":
        return "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    is_native = any(
        getattr(torch.cpu, name, lambda: False)()  # private in torch, so it may disappear
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return "bf16" if is_native else "fp32"
