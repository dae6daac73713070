"""Settings of the whole process that make training fast. Commands call this; library functions do not."""

from __future__ import annotations

import ctypes
import sys

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # parameters of mallopt, from malloc.h
_SETTINGS = {_MMAP_THRESHOLD: 1 << 30, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 1 << 28}
"""In bytes: blocks of up to 1 GiB come from the heap, which grows by 256 MiB and never shrinks."""


def tune_process(threads: int) -> None:
    """Let torch use this many threads and keep freed memory, for the rest of the process."""
    torch.set_num_threads(threads)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory for the rest of the process; other C libraries are left alone.

    Each batch frees megabytes of activations and allocates as many again. By default glibc returns them to
    the system, which clears them anew: up to a fifth of a training's time on two cores.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if set_option is not None:
        for parameter, value in _SETTINGS.items():
            set_option(parameter, value)
