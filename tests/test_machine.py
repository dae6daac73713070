"""How many cores a process may use."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNT = "from number_prediction.machine import usable_cores; print(usable_cores())"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds processes to cores")
def test_a_process_that_is_bound_to_one_core_has_one() -> None:
    bound = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {COUNT}"
    assert subprocess.run([sys.executable, "-c", bound], capture_output=True, check=True).stdout == b"1\n"
