"""Examples in Markdown: what a reader would copy, and the output shown beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", re.DOTALL)
"""A command, which goes on after a backslash at the end of a line; and its output."""
LONG_DECIMAL = re.compile(r"\d+\.\d{5,}")
COLUMNS = "100"


@dataclass(frozen=True)
class Example:
    """A command line or a Python program, and what it prints."""

    language: str
    """"console" or "python"."""
    code: str
    output: str


def find_examples(path: Path) -> list[Example]:
    """Commands of console blocks, and Python blocks that are followed by a text block with their output."""
    blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
    examples = []
    for index, (language, content) in enumerate(blocks):
        if language == "console":
            for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                command = COMMAND.fullmatch(part)
                assert command, f"{path}: no command after $ in {part!r}"
                examples.append(Example(language, *command.groups()))
        if language == "python":
            follower = blocks[index + 1] if index + 1 < len(blocks) else ("", "")
            if follower[0] == "text":
                examples.append(Example(language, content, follower[1]))
    return examples


def round_decimals(text: str) -> str:
    """Processors differ in the last digits of a probability."""
    return LONG_DECIMAL.sub(lambda found: f"{float(found[0]):.3f}", text).strip("\n")


def run_example(example: Example, folder: Path) -> str:
    """Standard output and errors together, as a terminal shows them."""
    environment = {**os.environ, "COLUMNS": COLUMNS, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-c", example.code]
    if example.language == "console":
        command = ["bash", "-c", example.code]
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return ended.stdout.decode()
