"""Test processes side by side keep to a core each.

Two trainings that both use all cores take three times as long as with a core each.
"""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """Bind a process of pytest-xdist, and what it starts, to its core."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # gw0, gw1, ...
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
