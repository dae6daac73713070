"""Which device, how many threads, which precision."""

from __future__ import annotations

from typing import Literal

import torch

from number_prediction.types import TrainingError

DEVICES = ("cuda", "mps", "cpu")


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name, or the best that is there: cuda, else mps, else cpu."""
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
    return torch.device(name)


def usable_precision(wanted: str, device: torch.device) -> Literal["bf16", "fp32"]:
    """bf16 where it was asked for and the device computes in it; elsewhere it is emulated and slower."""
    if wanted != "bf16" or device.type == "mps":
        return "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = any(
        getattr(torch.cpu, name, lambda: False)()  # private in torch, so it may go
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return "bf16" if native else "fp32"
