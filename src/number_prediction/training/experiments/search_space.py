"""Fields of a recipe by name: which can be varied, how far by default, and the recipe with other values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from number_prediction.errors import TrainingError
from number_prediction.runs.sweep import Dimension
from number_prediction.training.recipes import Recipe

PARTS = ("augmentation", "companions", "lines")
"""Fields of a recipe that have fields of their own."""
FACTORS = {"learning_rate": 4.0, "weight_decay": 10.0}
"""By how much more or less than the recipe's own value is tried."""
MOST_SMOOTHING = 0.2
UNUSED = {"augmentation.elastic": 1.5, "augmentation.stroke": 1.0}
"""How far what a recipe leaves out is tried."""
LARGEST = {
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
"""What a field may be at most, where that is limited."""
SMALLEST = {"batch_size": 2.0, "validations": 1.0, "augmentation.shared": 1.0}
"""What a field must be at least, where that is not 0."""


def whole_fields(recipe: Recipe) -> dict[str, bool]:
    """Each field that is a number -> whether it is a whole one."""
    holders: dict[str, Any] = {"": recipe}
    holders |= {f"{part}.": getattr(recipe, part) for part in PARTS if getattr(recipe, part) is not None}
    return {
        prefix + field.name: field.type == "int"
        for prefix, holder in holders.items()
        for field in fields(holder)
        if field.type in ("int", "float")
    }


def get_value(recipe: Recipe, field: str) -> float:
    """The recipe's own value of a field."""
    part, _, name = field.rpartition(".")
    return float(getattr(getattr(recipe, part) if part else recipe, name))


def change(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """The recipe with other values of some fields.

    Raises:
        TrainingError: no such field, a value beyond what it may be, or no whole number where it must be one.
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
    """Raise TrainingError where a recipe has no such field, or it cannot have the values of that range."""
    whole = whole_fields(recipe)
    if field not in whole:
        raise TrainingError(
            f"{recipe.name} has no field {field!r} that is a number; there are {', '.join(whole)}"
        )
    smallest, largest = SMALLEST.get(field, 0.0), LARGEST.get(field, math.inf)
    if not smallest <= low <= high <= largest or high == math.inf:
        limits = f"at least {smallest:g}" + (f" and at most {largest:g}" if field in LARGEST else "")
        raise TrainingError(
            f"{field} must be {limits}, not {low:g}" + (f" to {high:g}" if high > low else "")
        )


def default_dimensions(recipe: Recipe) -> tuple[Dimension, ...]:
    """What is varied unless told otherwise: learning rate, weight decay, label smoothing, augmentation.

    Each augmentation goes from nothing to twice the recipe's strength.
    """
    found = []
    for field, factor in FACTORS.items():
        value = get_value(recipe, field)
        if value:
            found.append(Dimension(field, value / factor, value * factor, is_log=True))
    if recipe.lines is None:  # of lines, each glyph is either there or not
        found.append(Dimension("label_smoothing", 0.0, MOST_SMOOTHING))
    for field, is_whole in whole_fields(recipe).items():
        if field.startswith("augmentation.") and not is_whole:
            most = 2 * get_value(recipe, field) or UNUSED.get(field, 0.0)
            if most:
                found.append(Dimension(field, 0.0, min(most, LARGEST.get(field, most))))
    return tuple(found)


def require_dimensions(recipe: Recipe, dimensions: Sequence[Dimension]) -> None:
    """Raise TrainingError where the recipe cannot be varied so."""
    for dimension in dimensions:
        require_range(recipe, dimension.field, dimension.low, dimension.high)
    names = [dimension.field for dimension in dimensions]
    for name in names:
        if names.count(name) > 1:
            raise TrainingError(f"{name}: given twice; give one range for each field")
