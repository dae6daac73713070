"""Model cards of the packaged models: written from their manifests, with nothing left out."""

from __future__ import annotations

from pathlib import Path

import pytest

import number_prediction
from number_prediction.models.card import model_card
from number_prediction.models.manifest import read_manifest

MODELS = sorted((Path(number_prediction.__file__).parent / "assets" / "models").glob("*.onnx"))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.stem)
def test_a_packaged_card_is_what_its_manifest_says(model: Path) -> None:
    card = model.with_suffix(".md").read_text(encoding="utf-8")
    assert card == model_card(read_manifest(model)), "run python scripts/make_cards.py"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.stem)
def test_a_card_shows_all_figures_of_its_manifest(model: Path) -> None:
    manifest = read_manifest(model)
    card = model_card(manifest)
    assert manifest["sha256"] in card
    for summary in manifest["evaluations"].values():
        assert f"{100 * summary['accuracy']:.2f}%" in card
    for benchmark in manifest["benchmarks"]:
        for cell in (cell for row in benchmark["rows"] for cell in row):
            assert f"| {cell} |" in card


def test_every_packaged_model_has_a_card() -> None:
    assert [model.stem for model in MODELS] == ["digit", "number-base", "number"]
