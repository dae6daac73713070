"""Freed memory stays with a process that trains."""

import subprocess
import sys

import pytest

TAKE_AND_FREE = """
import resource, sys
import torch
from number_prediction.training.loop.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def take():
    torch.ones(10 << 20)  # 40 MiB

for _ in range(20):  # until the places alternate
    take()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    take()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> int:
    """Of taking 40 MiB twenty times, after it was taken often."""
    done = subprocess.run(
        [sys.executable, "-c", TAKE_AND_FREE, mode], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked to keep memory")
def test_freed_memory_is_taken_again_without_page_faults():
    assert page_faults("keep") < 100
    assert page_faults("leave") > 1000
