"""The examples of README and guides print what is shown beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.examples import ROOT, Example, find_examples, round_decimals, run_example

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
EXAMPLES = [
    pytest.param(example, id=f"{page.relative_to(ROOT)}-{index}")
    for page in PAGES
    for index, example in enumerate(find_examples(page))
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures that the examples read, in a folder that they may write to."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "docs" / "form", folder / "docs" / "form")
    shutil.copy(ROOT / "docs" / "numbers.jpg", folder / "docs")
    return folder


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_is_shown(example: Example, clone: Path) -> None:
    assert round_decimals(run_example(example, clone)) == round_decimals(example.output)


def test_the_readme_has_examples_of_both_kinds() -> None:
    languages = [example.language for example in find_examples(ROOT / "README.md")]
    assert languages.count("console") == 3
    assert languages.count("python") == 1
