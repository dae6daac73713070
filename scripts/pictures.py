"""Pictures of the docs: where they are, and which packaged models made them.

A picture that shows a model's answers names the SHA-256 of the model in a text chunk of the PNG.
`tests/docs/test_figures.py` fails if the packaged model is another one.
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from number_prediction import NumberPredictor, Predictor

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MODELS_KEY = "models"
"""Key of the text chunk; its value is a JSON object, name of the model -> SHA-256."""


def packaged_models() -> dict[str, str]:
    """Name of each packaged model -> its SHA-256."""
    return {"digit": Predictor().sha256, "number": NumberPredictor().sha256}


def save_picture(picture: Image.Image, name: str, *, models: tuple[str, ...], colours: int) -> None:
    """Save a picture of the docs in few colours, with the models that made it."""
    packaged = packaged_models()
    text = PngInfo()
    text.add_text(MODELS_KEY, json.dumps({model: packaged[model] for model in models}))
    reduced = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    reduced.save(IMAGES / name, optimize=True, pnginfo=text)


def read_models(path: Path) -> dict[str, str]:
    """Name -> SHA-256 of the models that made a picture; empty for a picture without models."""
    with Image.open(path) as picture:
        content = getattr(picture, "text", {}).get(MODELS_KEY, "{}")
    models: dict[str, str] = json.loads(content)
    return models
