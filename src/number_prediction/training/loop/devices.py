"""Which device, how many threads, which precision."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F

from number_prediction.errors import TrainingError

DEVICES = ("cuda", "mps", "cpu")
PRECISION_TRIALS = 10
"""Convolutions timed in each precision."""
MAX_BF16_TIME_SHARE = 0.9
"""bf16 is used if it takes at most this share of the time in fp32."""


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
    """bf16 if it is wanted and the device is faster in it, else fp32.

    Many devices emulate bf16, or compute it no faster than fp32, like many processors without AMX.
    """
    if wanted != "bf16" or device.type == "mps":
        return "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = any(
        getattr(torch.cpu, name, lambda: False)()  # private in torch, so it may disappear
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return "bf16" if native and _is_faster_in_bf16() else "fp32"


@cache
def _is_faster_in_bf16() -> bool:
    """Whether the processor is faster in bf16 for a convolution and its gradients; takes some 50 ms."""
    images, filters = torch.ones(16, 32, 14, 14), torch.ones(32, 32, 3, 3, requires_grad=True)

    def seconds(*, in_bf16: bool) -> float:
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            answer = F.conv2d(images, filters, padding=1)
        torch.autograd.grad(answer.float().sum(), filters)
        return time.perf_counter() - begun

    trials = [(seconds(in_bf16=True), seconds(in_bf16=False)) for _ in range(PRECISION_TRIALS)]
    return min(bf16 for bf16, _ in trials) < MAX_BF16_TIME_SHARE * min(fp32 for _, fp32 in trials)
