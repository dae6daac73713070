"""The reference describes every public name."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import number_prediction
from number_prediction import training
from tests.docs.examples import ROOT

REFERENCE = ROOT / "docs" / "reference"
DIRECTIVE = re.compile(r"^\.\. (?:auto(?:class|function|exception)|py:data):: (\w+)$", re.MULTILINE)


@pytest.mark.parametrize(("module", "page"), [(number_prediction, "python.md"), (training, "training.md")])
def test_every_public_name_is_described(module: ModuleType, page: Path | str) -> None:
    described = set(DIRECTIVE.findall((REFERENCE / page).read_text(encoding="utf-8")))
    assert set(module.__all__) - {"__version__"} <= described
