"""constraints.txt pins every package that pyproject.toml names, within the range that it names."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.examples import ROOT


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    named = [Requirement(text) for group in (project["dependencies"], *extras) for text in group]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines if not line.startswith("#"))
    for requirement in named:
        name = canonicalize_name(requirement.name)
        if name != "torch":  # its build depends on the machine
            assert name in pins, f"{name} is not pinned; run make constraints"
            assert requirement.specifier.contains(pins[name], prereleases=True), f"{name}=={pins[name]}"
