"""A manifest -> a model card in Markdown (after Mitchell et al., 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from number_prediction.runs.run import name_threads

FIGURES = {
    "log_loss": ("log loss", "{:.4f}"),
    "character_error_rate": ("errors a character", "{:.4f}"),
    "expected_calibration_error": ("ECE", "{:.4f}"),
    "coverage_at_99": ("coverage at 99% accuracy", "{:.4f}"),
}
"""Figures that a model card shows, where an evaluation has them: heading and format."""
LIMITS_OF_NUMBERS = (
    "One line a picture; one that slopes is set level where it is read doubtfully and has several digits to "
    "tell the slope by. A word is read as the digits it is least unlike, and `is_number` says how surely it "
    "is none. A dot or comma after the last digit is not read. A line of more than about 25 digits is seen "
    "too small to be read surely. What may be a year is read with likely years in mind: an unclear 1?45 as "
    "1945."
)
MNIST_SOURCE = "MNIST (LeCun, Cortes, Burges, 1998; CC BY-SA 3.0)"


def model_card(manifest: Mapping[str, Any]) -> str:
    """The model card of an exported model (after Mitchell et al., 2019)."""
    training, recipe = manifest["training"], manifest["training"]["recipe"]
    environment = training["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["packages"].items() if version)
    adapted = manifest.get("adapted")
    lines = [
        f"# Model card: {recipe['name']} on {training['data']}"
        + (f", adapted to {adapted['data']}" if adapted else ""),
        "",
        f"{_purpose(manifest)}: {recipe['summary']}.",
        "",
        f"- SHA-256 `{manifest['sha256']}`, {manifest['bytes']:,} bytes, "
        f"{manifest['parameters']:,} parameters",
        f"- Input: {manifest['input']}",
        *(f"- Output `{name}`: {text}" for name, text in manifest["outputs"].items()),
        "",
        "## Training",
        "",
        f"    {training['command']}",
        "",
        f"Seed {training['seed']}, {name_threads(training['threads'], training.get('processes', 1))}, "
        f"{training['precision']}, "
        f"{training['steps']:,} batches of {recipe['batch_size']}, {training['seconds']} s on "
        f"{environment['processor']} ({environment['cores']} cores). Python {environment['python']}, "
        f"{versions}; temperature {training['temperature']}; commit {environment['commit'] or 'unknown'}.",
        "",
        *(_adaptation(adapted) if adapted else []),
        "## Figures",
        "",
        *_figures(manifest["evaluations"]),
        f"ONNX Runtime against torch over {manifest['parity']['pictures']:,} pictures: "
        f"{manifest['parity']['different_labels']} labels differ, probabilities by at most "
        f"{manifest['parity']['largest_difference']:.1e}.",
        "",
        "## Data",
        "",
        _data(training["data"], recipe),
        "",
        "## Limits",
        "",
        LIMITS_OF_NUMBERS
        if reads_numbers(manifest)
        else _limits(abstains=recipe.get("companions") is not None),
        "",
    ]
    return "\n".join(lines)


def reads_numbers(manifest: Mapping[str, Any]) -> bool:
    """Whether a model reads lines, not single digits."""
    return manifest["training"]["recipe"].get("lines") is not None


def _purpose(manifest: Mapping[str, Any]) -> str:
    if reads_numbers(manifest):
        return "Reads one line of handwritten digits and signs from a picture"
    return f"Reads one handwritten character of the classes {', '.join(manifest['classes'])} from a picture"


def _data(name: str, recipe: Mapping[str, Any]) -> str:
    """What was trained on, whose it is, and what was made beside it."""
    source = MNIST_SOURCE if name == "mnist" else f"`{name}`"
    known = f"The training part of {source}, without what validation held out."
    if recipe.get("lines") is not None:
        return (
            f"{known} Lines are composed of these digits, of digits, signs and letters that the repository "
            "draws, and of digits and letters in fonts that come with Matplotlib (`training/strings.py`). No "
            "other handwriting."
        )
    if recipe.get("companions") is not None:
        return (
            f"{known} Beside them digits, letters, signs, scribbles, doodles, textures and rulings that the "
            "repository draws (`training/companions.py`). No other handwriting."
        )
    return known


def _limits(*, abstains: bool) -> str:
    known = (
        "One character a picture; of several marks the heaviest near the middle is read, and whole ones "
        "beside it stay in the frame. Rules and squares are removed where they cross the whole picture. "
    )
    if abstains:
        return known + (
            "Blank paper is refused, and `is_digit` tells letters, signs, scribbles and several digits from "
            "a digit, as far as they are like those that were generated for the training."
        )
    return known + "Only a blank picture is refused (`is_digit` 0); a letter is answered."


def _adaptation(adapted: Mapping[str, Any]) -> list[str]:
    """What a model was adapted to, and what that changed."""
    held_out = f"; {adapted['held_out']:,} more were held out" if adapted["held_out"] else ""
    return [
        "## Adapted",
        "",
        f"From `{adapted['base']['file']}`, SHA-256 `{adapted['base']['sha256']}`, to "
        f"{adapted['pictures']:,} pictures of {adapted['data']}{held_out}. "
        "The training above is that of the adaptation; "
        f"{100 * adapted['share']:.0f}% of its change was taken.",
        "",
        "| right answers | pictures | before | after |",
        "|---|---|---|---|",
        *(
            f"| {figure['name']} | {figure['pictures']:,} | {100 * figure['before']:.2f}% "
            f"| {100 * figure['after']:.2f}% |"
            for figure in adapted["figures"]
        ),
        "",
    ]


def _figures(evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not evaluations:
        return ["Not evaluated yet: `number-prediction evaluate RUN`.", ""]
    names = [name for name in FIGURES if all(name in summary for summary in evaluations.values())]
    lines = [
        "| measured on | pictures | accuracy | 95% interval | "
        + " | ".join(FIGURES[name][0] for name in names)
        + " |",
        "|---|---|---|---|" + "---|" * len(names),
    ]
    for part, summary in evaluations.items():
        low, high = summary["accuracy_interval_95"]
        cells = " | ".join(FIGURES[name][1].format(summary[name]) for name in names)
        lines.append(
            f"| {part} | {summary['pictures']:,} | {100 * summary['accuracy']:.2f}% "
            f"| {100 * low:.2f} to {100 * high:.2f}% | {cells} |"
        )
    return [*lines, ""]
