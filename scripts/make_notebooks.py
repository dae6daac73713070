"""Run the notebooks and store their outputs; `make_notebooks.py 01 07` runs only those with these numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
TIMEOUT_SECONDS = 1800


def main() -> None:
    beginnings = tuple(sys.argv[1:])
    for path in sorted(FOLDER.glob("*.ipynb")):
        if beginnings and not path.name.startswith(beginnings):
            continue
        print(path.name, flush=True)
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=TIMEOUT_SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(FOLDER)}},
        ).execute()
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
