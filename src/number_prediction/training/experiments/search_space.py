"""Fields of a recipe by name: which can vary, how far by default, and the recipe with other values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from number_prediction.errors import TrainingError
from number_prediction.runs.sweep import Dimension
from number_prediction.training.recipes import Recipe

RECIPE_PARTS = ("augmentation", "companions", "lines", "crops", "paper", "line_crops", "paper_lines")
"""Fields of a recipe that have fields of their own."""
SEARCH_FACTORS = {"learning_rate": 4.0, "weight_decay": 10.0}
"""Factor by which the recipe's own value is multiplied or divided at most."""
MAX_SEARCHED_SMOOTHING = 0.2
"""Largest label smoothing in a search."""
MAX_SEARCHED_IF_UNUSED = {"augmentation.elastic": 1.5, "augmentation.stroke": 1.0}
"""Largest value in a search of an augmentation that the recipe leaves out."""
FIELD_MAXIMA = {
    "warmup": 0.9,
    "momentum": 0.999,
    "label_smoothing": 0.9,
    "ema_decay": 0.99999,
    "augmented": 1.0,
    "augmentation.stroke": 1.0,
    "augmentation.stretched": 1.0,
    "augmentation.thinner": 1.0,
    "augmentation.blur": 1.0,
    "augmentation.pixelated": 1.0,
}
"""Largest allowed values; other fields have no upper limit."""
FIELD_MINIMA = {"batch_size": 2.0, "validations": 1.0, "augmentation.shared": 1.0}
"""Smallest allowed values; for other fields it is 0."""


def whole_fields(recipe: Recipe) -> dict[str, bool]:
    """Each field with a number -> whether it must be a whole number."""
    holders: dict[str, Any] = {"": recipe}
    holders |= {
        f"{part}.": getattr(recipe, part) for part in RECIPE_PARTS if getattr(recipe, part) is not None
    }
    return {
        prefix + field.name: field.type == "int"
        for prefix, holder in holders.items()
        for field in fields(holder)
        if field.type in ("int", "float")
    }


def get_value(recipe: Recipe, field: str) -> float:
    """The value of a field in a recipe."""
    part, _, name = field.rpartition(".")
    return float(getattr(getattr(recipe, part) if part else recipe, name))


def change(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """The recipe with other values of some fields.

    Raises:
        TrainingError: no such field, a value out of range, or not a whole number where one is needed.
    """
    whole = whole_fields(recipe)
    changes: dict[str, dict[str, float]] = {}
    for field, value in values.items():
        require_range(recipe, field, value, value)
        if whole[field] and value != int(value):
            raise TrainingError(f"{field}={value:g}: must be a whole number")
        part, _, name = field.rpartition(".")
        changes.setdefault(part, {})[name] = int(value) if whole[field] else value
    own: dict[str, Any] = dict(changes.pop("", {}))
    own |= {part: replace(getattr(recipe, part), **inside) for part, inside in changes.items()}
    return replace(recipe, **own)


def require_range(recipe: Recipe, field: str, low: float, high: float) -> None:
    """Raise TrainingError if a recipe has no such field, or the field cannot have these values."""
    whole = whole_fields(recipe)
    if field not in whole:
        raise TrainingError(
            f"recipe {recipe.name} has no field {field!r} with a number; choose one of {', '.join(whole)}"
        )
    smallest, largest = FIELD_MINIMA.get(field, 0.0), FIELD_MAXIMA.get(field, math.inf)
    if not smallest <= low <= high <= largest or high == math.inf:
        limits = f"at least {smallest:g}" + (f" and at most {largest:g}" if field in FIELD_MAXIMA else "")
        raise TrainingError(
            f"{field} must be {limits}, not {low:g}" + (f" to {high:g}" if high > low else "")
        )


def default_dimensions(recipe: Recipe) -> tuple[Dimension, ...]:
    """Fields that vary by default: learning rate, weight decay, label smoothing, augmentation.

    Each augmentation goes from 0 to twice the recipe's value.
    """
    found = []
    for field, factor in SEARCH_FACTORS.items():
        value = get_value(recipe, field)
        if value:
            found.append(Dimension(field, value / factor, value * factor, is_log=True))
    if recipe.lines is None:  # CTC has no label smoothing
        found.append(Dimension("label_smoothing", 0.0, MAX_SEARCHED_SMOOTHING))
    for field, is_whole in whole_fields(recipe).items():
        if field.startswith("augmentation.") and not is_whole:
            most = 2 * get_value(recipe, field) or MAX_SEARCHED_IF_UNUSED.get(field, 0.0)
            if most:
                found.append(Dimension(field, 0.0, min(most, FIELD_MAXIMA.get(field, most))))
    return tuple(found)


def require_dimensions(recipe: Recipe, dimensions: Sequence[Dimension]) -> None:
    """Raise TrainingError if the recipe cannot vary in these dimensions."""
    for dimension in dimensions:
        require_range(recipe, dimension.field, dimension.low, dimension.high)
    names = [dimension.field for dimension in dimensions]
    for name in names:
        if names.count(name) > 1:
            raise TrainingError(f"{name}: given twice; give one range for each field")
