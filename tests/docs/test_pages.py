"""README and docs: links that lead somewhere, commands that exist, lines and tables that can be read."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import typer

from number_prediction.cli import app
from tests.docs.examples import ROOT

TEXTS = [
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md"))
    if path.name != "http-api.md"  # written at each build
]
PAGES = [path for path in TEXTS if path.is_relative_to(ROOT / "docs") and path.name != "cli.md"]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|-m |\s)number[-_]prediction ([a-z]+)([^|\n]*)")
MAX_README_BYTES = 10_000
MAX_PAGE_BYTES = 8_000
MAX_LINE = 100
MAX_COLUMNS = 6


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    prose = FENCED.sub("", path.read_text(encoding="utf-8"))
    for link in LINK.findall(prose):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        there = (path.parent / unquote(target)).resolve() if target else path
        if there.parent == (ROOT / "docs" / "tutorials").resolve() and there.suffix == ".ipynb":
            there = ROOT / "notebooks" / there.name  # the site copies them
        assert there.exists(), f"{link} leads nowhere"
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{link}: no such heading"


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_lines_and_tables_are_narrow(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    outputs = "".join(
        content for language, content in FENCED.findall(text) if language in ("console", "text")
    )
    for line in text.splitlines():
        is_table = line.startswith("|")
        assert not is_table or line.replace(r"\|", "").count("|") <= MAX_COLUMNS + 1, line
        assert is_table or len(line) <= MAX_LINE or line in outputs.splitlines(), line


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= MAX_README_BYTES


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_is_short_and_begins_with_its_question(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) <= MAX_PAGE_BYTES
    title, _, rest = text.partition("\n\n")
    assert title.startswith("# ")
    first = rest.partition("\n\n")[0]
    assert first.endswith("?"), f"the first paragraph is no question: {first}"


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_commands_and_options_exist(path: Path) -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, click.Group | typer.core.TyperGroup)
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(
        content for language, content in FENCED.findall(text) if language in ("bash", "console")
    )
    for name, arguments in COMMAND.findall(blocks.replace("\\\n", " ")):
        assert name in command.commands, f"number-prediction {name}: no such command"
        known = {option for parameter in command.commands[name].params for option in parameter.opts}
        used = re.findall(r"(?<=\s)--[a-z-]+", arguments.partition("#")[0])
        assert set(used) <= known | {"--help"}, f"number-prediction {name}{arguments}"


@pytest.mark.parametrize(
    "path", [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "explanation").glob("*.md")], ids=name_of
)
def test_files_that_are_named_exist(path: Path) -> None:
    package = ROOT / "src" / "number_prediction"
    for name in re.findall(r"`([\w./*-]+/|[\w./*-]+\.(?:py|js|md|txt))`", path.read_text(encoding="utf-8")):
        found = [place for folder in (package, ROOT) for place in folder.glob(name)]
        assert found or list(package.rglob(name.rstrip("/"))) or name.startswith("runs/"), (
            f"{name}: no such file"
        )
