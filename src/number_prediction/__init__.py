"""Train, understand and use recognisers of handwritten digits and numbers.

Importing the package loads nothing; a name loads its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from number_prediction.datasets import load_dataset
    from number_prediction.evaluation import Evaluation, evaluate
    from number_prediction.mnist import load_mnist
    from number_prediction.predictor import Predictor
    from number_prediction.sources import iterate_pages
    from number_prediction.splits import Split, Splits
    from number_prediction.types import (
        DataError,
        DigitPrediction,
        ImageError,
        MissingExtraError,
        ModelError,
        NumberPredictionError,
        TrainingError,
    )

__version__ = "0.1.0"

_MODULES = {
    "datasets": ("load_dataset",),
    "evaluation": ("Evaluation", "evaluate"),
    "mnist": ("load_mnist",),
    "predictor": ("Predictor",),
    "sources": ("iterate_pages",),
    "splits": ("Split", "Splits"),
    "types": (
        "DataError",
        "DigitPrediction",
        "ImageError",
        "MissingExtraError",
        "ModelError",
        "NumberPredictionError",
        "TrainingError",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "DataError",
    "DigitPrediction",
    "Evaluation",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "NumberPredictionError",
    "Predictor",
    "Split",
    "Splits",
    "TrainingError",
    "__version__",
    "evaluate",
    "iterate_pages",
    "load_dataset",
    "load_mnist",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"number_prediction.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
