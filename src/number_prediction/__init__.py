"""Train, understand and use recognisers of handwritten digits and numbers.

Importing the package loads nothing; a name loads its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from number_prediction.checksums import iban_digits, isbn, luhn
    from number_prediction.constraints import Constraint, length, one_of, regex, satisfies
    from number_prediction.datasets import load_dataset
    from number_prediction.decoding import decode
    from number_prediction.evaluation import Evaluation, evaluate
    from number_prediction.mnist import load_mnist
    from number_prediction.numbers import Box, NumberGlyph, NumberPrediction, NumberPredictor
    from number_prediction.predictor import Predictor
    from number_prediction.rosters import AssignedReading, Assignment, assign
    from number_prediction.sources import iterate_pages
    from number_prediction.splits import Split, Splits
    from number_prediction.types import (
        ConstraintError,
        DataError,
        DigitPrediction,
        GlyphReading,
        ImageError,
        MissingExtraError,
        ModelError,
        NumberPredictionError,
        Reading,
        TrainingError,
    )
    from number_prediction.written_numbers import decimals, number_range, parse_number

__version__ = "0.1.0"

_MODULES = {
    "checksums": ("iban_digits", "isbn", "luhn"),
    "constraints": ("Constraint", "length", "one_of", "regex", "satisfies"),
    "datasets": ("load_dataset",),
    "decoding": ("decode",),
    "evaluation": ("Evaluation", "evaluate"),
    "mnist": ("load_mnist",),
    "numbers": ("Box", "NumberGlyph", "NumberPrediction", "NumberPredictor"),
    "predictor": ("Predictor",),
    "sources": ("iterate_pages",),
    "rosters": ("AssignedReading", "Assignment", "assign"),
    "splits": ("Split", "Splits"),
    "types": (
        "ConstraintError",
        "DataError",
        "DigitPrediction",
        "GlyphReading",
        "ImageError",
        "MissingExtraError",
        "ModelError",
        "NumberPredictionError",
        "Reading",
        "TrainingError",
    ),
    "written_numbers": ("decimals", "number_range", "parse_number"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AssignedReading",
    "Assignment",
    "Box",
    "Constraint",
    "ConstraintError",
    "DataError",
    "DigitPrediction",
    "Evaluation",
    "GlyphReading",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "NumberGlyph",
    "NumberPrediction",
    "NumberPredictionError",
    "NumberPredictor",
    "Predictor",
    "Reading",
    "Split",
    "Splits",
    "TrainingError",
    "__version__",
    "assign",
    "decimals",
    "decode",
    "evaluate",
    "iban_digits",
    "isbn",
    "iterate_pages",
    "length",
    "load_dataset",
    "load_mnist",
    "luhn",
    "number_range",
    "one_of",
    "parse_number",
    "regex",
    "satisfies",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"number_prediction.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
