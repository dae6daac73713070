"""The examples of README and guides print what is shown beside them, and type checkers accept them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api as mypy

from tests.docs.examples import PAGES, ROOT, Example, copy_inputs, find_examples, round_decimals, run_example

EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{index}")
    for page in PAGES
    for index, example in enumerate(find_examples(page))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    copy_inputs(folder)
    return folder


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_is_shown(example: Example, folder: Path) -> None:
    printed = run_example(example.language, example.code, folder)
    assert round_decimals(printed) == round_decimals(example.output), "run make outputs if this is intended"


def test_the_readme_has_three_calls_of_the_shell_and_of_python() -> None:
    examples = list(find_examples(ROOT / "README.md"))
    assert [example.language for example in examples] == ["console"] * 3 + ["python"]
    assert all(call in examples[-1].code for call in ("read_digits(", "read_numbers(", "read_page("))


@pytest.mark.slow
def test_type_checkers_accept_the_python_of_readme_and_guides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = []
    untyped = ROOT / "docs" / "how-to" / "scikit-learn.md"  # scikit-learn has no types
    for page in {*PAGES, ROOT / "docs" / "reference" / "python.md"} - {untyped}:
        blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
        for index, code in enumerate(blocks):
            programs.append(tmp_path / f"{page.stem.replace('-', '_')}_{index}.py")
            programs[-1].write_text(code, encoding="utf-8")
    assert len(programs) >= 3
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    settings = ["--strict", "--config-file=", f"--cache-dir={tmp_path}", "--follow-imports=silent"]
    errors, problems, status = mypy.run([*settings, *map(str, programs)])
    assert status == 0, errors + problems
