"""Make constraints.txt: the newest versions that satisfy requirements.txt and the extra teacher.

PyTorch and its CUDA packages are left out, because their builds differ from machine to machine.
Nothing is installed. Afterwards run the gate (`.ci/run`): it finds a new version that breaks something.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
LEFT_OUT = re.compile(r"number-prediction|torch|triton|nvidia-.*|cuda-.*")
HEADER = (
    "# Versions that `make` and the gate install; written by `make constraints` with Python {python}.\n"
    "# PyTorch is left out: its build (CPU, CUDA) depends on the machine.\n"
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--requirement", "requirements.txt", ".[teacher]"]
        subprocess.run(command, cwd=ROOT, check=True)
        resolved = json.loads(report.read_text(encoding="utf-8"))
    chosen = {
        re.sub(r"[-_.]+", "-", each["metadata"]["name"]).lower(): each["metadata"]["version"]
        for each in resolved["install"]
    }
    pins = [f"{name}=={chosen[name]}\n" for name in sorted(chosen) if not LEFT_OUT.fullmatch(name)]
    header = HEADER.format(python=resolved["environment"]["python_version"])
    CONSTRAINTS.write_text(header + "".join(pins), encoding="utf-8")
    print(f"{CONSTRAINTS.name}: {len(pins)} versions")


if __name__ == "__main__":
    main()
