"""The notebooks use names that exist; `make nbtest` runs them."""

from __future__ import annotations

import ast
import builtins
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.examples import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KNOWN = {*dir(builtins), "display", "get_ipython"}


def parse(path: Path) -> ast.Module:
    """All code cells as one program; magics are left out."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").splitlines()
    return ast.parse("\n".join("" if line.startswith(("%", "!")) else line for line in lines))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_name_is_defined(path: Path) -> None:
    program = parse(path)
    defined = set(KNOWN)
    for node in ast.walk(program):
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    used = {
        node.id for node in ast.walk(program) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert used <= defined, f"not defined: {sorted(used - defined)}"


def find(module: str, name: str) -> object:
    """A name of a module, or the module of that name in a package."""
    imported = importlib.import_module(module)
    return getattr(imported, name) if hasattr(imported, name) else importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_name_of_the_package_exists(path: Path) -> None:
    program = parse(path)
    modules: dict[str, ModuleType] = {}
    for node in ast.walk(program):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("number_prediction"):
            for alias in node.names:
                found = find(str(node.module), alias.name)
                if isinstance(found, ModuleType):
                    modules[alias.asname or alias.name] = found
    for node in ast.walk(program):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = modules[node.value.id]
            assert hasattr(module, node.attr), f"{module.__name__} has no {node.attr}"
