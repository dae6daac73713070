"""The examples of README and guides print what is shown beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    assert all(call in examples[-1].code for call in ("predict_digits(", "predict_numbers(", "predict_page("))
