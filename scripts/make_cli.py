"""Write docs/cli.md from the --help of every command; with --check, report whether it is up to date."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer

from number_prediction.cli import app

DOCUMENT = Path(__file__).parents[1] / "docs" / "cli.md"
HELP_WIDTH = "100"
"""Columns of the terminal."""
HEADING = """# Command line

Which options does each command have?

Written from `--help` by `make cli`; a test compares the two.
"""


def main() -> int:
    content = render()
    if "--check" not in sys.argv:
        DOCUMENT.write_text(content, encoding="utf-8")
        return 0
    if DOCUMENT.read_text(encoding="utf-8") != content:
        print(f"{DOCUMENT.name} differs from --help; update it with: make cli", file=sys.stderr)
        return 1
    return 0


def render() -> str:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    sections = [("number-prediction", help_of()), *((name, help_of(name)) for name in commands)]
    parts = [HEADING]
    parts += [f"## {name}\n\n```text\n{text.strip()}\n```\n" for name, text in sections]
    return "\n".join(parts)


def help_of(*command: str) -> str:
    os.environ |= {"COLUMNS": HELP_WIDTH, "TERMINAL_WIDTH": HELP_WIDTH, "NO_COLOR": "1"}
    written = io.StringIO()
    with redirect_stdout(written):
        app([*command, "--help"], prog_name="number-prediction", standalone_mode=False)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


if __name__ == "__main__":
    sys.exit(main())
