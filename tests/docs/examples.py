"""Examples in Markdown: what a reader would copy, and the output shown beside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md")))
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:[^\n]*\\\n)*[^\n]*\n)(.*?)(?=^\$ |\Z)", re.MULTILINE | re.DOTALL)
"""A command, which continues after a backslash at the end of a line; and its output."""
PROGRAM = re.compile(r"^```python\n((?:(?!^```).)*)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A Python block, and the text block that follows with its output."""
LONG_DECIMAL = re.compile(r"\d+\.\d{4,}")
TERMINAL_WIDTH = "100"


@dataclass(frozen=True)
class Example:
    """A command line or a Python program, and what it prints."""

    language: str
    """"console" or "python"."""
    code: str
    output: str


def find_examples(path: Path) -> Iterator[Example]:
    """The commands of console blocks, then the programs that show their output."""
    text = path.read_text(encoding="utf-8")
    for block in CONSOLE.findall(text):
        for code, output in COMMAND.findall(block):
            yield Example("console", code, output)
    for code, output in PROGRAM.findall(text):
        yield Example("python", code, output)


def copy_inputs(folder: Path) -> None:
    """Copy the pictures that the examples read into a folder that they may write to."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "docs" / "form", folder / "docs" / "form")
    shutil.copy(ROOT / "docs" / "numbers.jpg", folder / "docs")


def run_example(language: str, code: str, folder: Path) -> str:
    """Standard output and errors together, as a terminal shows them."""
    environment = {**os.environ, "COLUMNS": TERMINAL_WIDTH, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    ended = subprocess.run(
        [sys.executable if language == "python" else "bash", "-c", code],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return ended.stdout.decode()


def replace_outputs(text: str, folder: Path) -> str:
    """The same page with what its examples print now."""

    def run_commands(block: re.Match[str]) -> str:
        commands = [
            f"$ {code}{run_example('console', code, folder)}" for code, _ in COMMAND.findall(block[1])
        ]
        return f"```console\n{''.join(commands)}```"

    def run_program(block: re.Match[str]) -> str:
        return f"```python\n{block[1]}```\n\n```text\n{run_example('python', block[1], folder)}```"

    return PROGRAM.sub(run_program, CONSOLE.sub(run_commands, text))


def round_decimals(text: str) -> str:
    """Processors differ in the last digits of a probability."""
    return LONG_DECIMAL.sub(lambda found: f"{float(found[0]):.3f}", text).strip("\n")
