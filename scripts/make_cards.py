"""Write the model cards of the packaged models anew from their manifests."""

from __future__ import annotations

from pathlib import Path

import number_prediction
from number_prediction.files import write_atomically
from number_prediction.models.card import model_card
from number_prediction.models.manifest import read_manifest

MODELS = Path(number_prediction.__file__).parent / "assets" / "models"


def main() -> None:
    """Write one card beside each model."""
    for model in sorted(MODELS.glob("*.onnx")):
        write_atomically(model.with_suffix(".md"), model_card(read_manifest(model)))
        print(f"wrote {model.with_suffix('.md').name}")


if __name__ == "__main__":
    main()
