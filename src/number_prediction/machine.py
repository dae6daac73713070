"""The machine: usable cores, processor, package versions and commit of the code.

Every command imports this module; what only a description of the machine needs is imported there.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def usable_cores() -> int:
    """Count the cores that this process may use, at least 1; on Linux its CPU affinity counts."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_REPORTED_PACKAGES = ("number-prediction", "torch", "numpy", "onnxruntime")


def describe_environment() -> dict[str, Any]:
    """Describe versions, processor and commit, so that a measurement can be repeated."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _REPORTED_PACKAGES},
        "commit": _commit(),
    }


def _version(package: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor_name() -> str:
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """Return the commit of the checkout that this code runs from, with "+" if files differ from it.

    None if the code is not in a checkout.
    """
    import subprocess

    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        tracked = git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = git("status", "--porcelain", "--untracked-files=no", ".")
        return git("rev-parse", "HEAD") + ("+" if changed else "") if tracked else None
    except (OSError, subprocess.CalledProcessError):
        return None
