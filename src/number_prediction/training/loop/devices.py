"""Which device, how many threads, which precision."""

from __future__ import annotations

import time
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F

from number_prediction.errors import TrainingError

DEVICES = ("cuda", "mps", "cpu")
TRIALS = 10
"""Of one convolution in each, to see which precision is faster."""
CLEARLY = 0.9
"""Share of the time in fp32 that bf16 has to take at most."""


def pick_device(name: str | None = None, place: int | None = None) -> torch.device:
    """The device of that name, or the best that is there: cuda, else mps, else cpu.

    Args:
        name: "cuda", "mps" or "cpu".
        place: of this process among several that train together on this machine: each takes a GPU of its own.

    Raises:
        TrainingError: no such device is there, or none for this process.
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
        raise TrainingError(f"no device {name!r} on this machine; there is {usable}")
    if name == "cuda":  # the same seed gives the same weights, as far as cuDNN is concerned
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    if place is not None:
        _take_own(name, place)
    return torch.device(name)


def _take_own(name: str, place: int) -> None:
    """Make "cuda" the GPU of that number; processors are shared."""
    if name == "mps":
        raise TrainingError("several processes train on cuda or cpu, not on mps: add --device cpu")
    if name == "cuda":
        if place >= torch.cuda.device_count():
            raise TrainingError(
                f"this machine has {torch.cuda.device_count()} GPUs, one for each process: give torchrun "
                "--nproc_per_node of as many, or add --device cpu"
            )
        torch.cuda.set_device(place)


def usable_precision(wanted: str, device: torch.device) -> Literal["bf16", "fp32"]:
    """bf16 where it was asked for and the device is faster in it.

    Elsewhere it is emulated, or computed no faster than fp32, as by many processors without AMX.
    """
    if wanted != "bf16" or device.type == "mps":
        return "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = any(
        getattr(torch.cpu, name, lambda: False)()  # private in torch, so it may go
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return "bf16" if native and _is_faster_in_bf16() else "fp32"


@cache
def _is_faster_in_bf16() -> bool:
    """Whether the processor takes less time for a convolution and its gradients; takes some 50 ms."""
    images, filters = torch.ones(16, 32, 14, 14), torch.ones(32, 32, 3, 3, requires_grad=True)

    def seconds(*, in_bf16: bool) -> float:
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            answer = F.conv2d(images, filters, padding=1)
        torch.autograd.grad(answer.float().sum(), filters)
        return time.perf_counter() - begun

    trials = [(seconds(in_bf16=True), seconds(in_bf16=False)) for _ in range(TRIALS)]  # others slow both
    return min(bf16 for bf16, _ in trials) < CLEARLY * min(fp32 for _, fp32 in trials)
