"""The pictures of the docs were made with the packaged models."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pictures import IMAGES, packaged_models, read_models

WITHOUT_MODELS = {"training.png"}
"""Pictures that show no model's answers."""


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.png")), ids=lambda path: path.name)
def test_a_picture_was_made_with_the_packaged_models(path: Path) -> None:
    made_with, packaged = read_models(path), packaged_models()
    assert bool(made_with) is (path.name not in WITHOUT_MODELS)
    for name, sha256 in made_with.items():
        assert sha256 == packaged[name], f"{path.name} shows another model; run make figures"
