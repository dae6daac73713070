"""Write docs/cli.md from the --help of every command; with --check, say whether it is up to date."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from number_prediction.cli import app

DOCUMENT = Path(__file__).parents[1] / "docs" / "cli.md"
COMMANDS = (
    "train",
    "finetune",
    "explore",
    "labels",
    "evaluate",
    "report",
    "compare",
    "sweep",
    "export",
    "predict",
    "read",
    "merge",
    "submission",
    "serve",
)
WIDTH = "100"


def main() -> int:
    content = render()
    if "--check" not in sys.argv:
        DOCUMENT.write_text(content, encoding="utf-8")
        return 0
    if DOCUMENT.read_text(encoding="utf-8") != content:
        print(f"{DOCUMENT.name} differs from --help; write it anew with: make docs", file=sys.stderr)
        return 1
    return 0


def render() -> str:
    sections = [("number-prediction", help_of()), *((name, help_of(name)) for name in COMMANDS)]
    parts = ["# Command line\n\nWritten from `--help` by `make docs`; a test holds the two equal.\n"]
    parts += [f"## {name}\n\n```text\n{text.strip()}\n```\n" for name, text in sections]
    return "\n".join(parts)


def help_of(*command: str) -> str:
    os.environ |= {"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1"}
    written = io.StringIO()
    with redirect_stdout(written):
        app([*command, "--help"], prog_name="number-prediction", standalone_mode=False)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


if __name__ == "__main__":
    sys.exit(main())
