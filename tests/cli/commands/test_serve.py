"""The command serve: wrong usage, and a missing extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_folder_without_a_page_is_not_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "number_prediction", "serve", "--page", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "index.html" in done.stderr


def test_serve_says_what_is_missing() -> None:
    script = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from number_prediction.cli import main; sys.argv = ['number-prediction', 'serve']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "number-prediction[web]" in done.stderr
