"""Manifest -> model card in Markdown (after Mitchell et al., 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from number_prediction.runs.run import name_threads, reads_numbers

FIGURES = {
    "log_loss": ("log loss", "{:.4f}"),
    "character_error_rate": ("character error rate", "{:.4f}"),
    "expected_calibration_error": ("ECE", "{:.4f}"),
    "coverage_at_99": ("coverage at 99% accuracy", "{:.4f}"),
}
"""Columns of the table of figures, if every evaluation has them: heading and format."""
LIMITS_OF_NUMBERS = (
    "A picture shows one line. A sloping line is straightened and read again if it has several digits and "
    "its first reading is uncertain. A word is read as similar digits, with a low `is_number`. A dot or "
    "comma after the last digit is not read. A line of more than about 25 digits is scaled too small to be "
    "read reliably. Likely years are preferred: an unclear 1?45 is read as 1945."
)
LIMITS_OF_PAPER_LINES = (
    "One line a picture: of several, the one that seems meant, mostly the one in the middle. Letters, other "
    "signs and struck-out writing are left out of the text; `is_number` is the probability that no letter "
    "stands on the line. A dot or comma after the last digit is not read. The line is found on a picture of "
    "at most 256 pixels a side, so a number that takes less than a tenth of a large photograph may be lost."
)
LIMITS_OF_THRESHOLDS = (
    "Of several marks the model reads the one with the most ink near the middle; whole marks beside it stay "
    "in the frame. Ruled lines and squares are removed if they cross the whole picture. "
)
LIMITS_OF_LEARNED_INK = (
    "Of several marks the model reads the one that seems meant, mostly the one in the middle. It finds the "
    "writing on a picture of 96x96 pixels: thin writing that takes less than a fifth of a large photograph "
    "is lost. "
)
EMNIST_NOTE = " Writers of MNIST's test images are among those of EMNIST's letters."
MNIST_SOURCE = "MNIST (LeCun, Cortes, Burges, 1998; CC BY-SA 3.0)"


def model_card(manifest: Mapping[str, Any]) -> str:
    """Write the model card of an exported model."""
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
        *_ink(training.get("ink")),
        *_start(training.get("started_from")),
        *(_adaptation(adapted) if adapted else []),
        "## Figures",
        "",
        *_figures(manifest["evaluations"]),
        f"ONNX Runtime compared with torch on {manifest['parity']['pictures']:,} pictures: "
        f"{manifest['parity']['different_labels']} labels differ, probabilities differ by at most "
        f"{manifest['parity']['largest_difference']:.1e}.",
        "",
        *(line for each in manifest.get("benchmarks", []) for line in _benchmark(each)),
        "## Data",
        "",
        _data(training["data"], recipe),
        "",
        *_sources(training.get("sources", ())),
        "## Limits",
        "",
        _limits(recipe),
        "",
    ]
    return "\n".join(lines)


def _purpose(manifest: Mapping[str, Any]) -> str:
    if reads_numbers(manifest["training"]["recipe"]):
        return "Reads one line of handwritten digits and signs from a picture"
    return f"Reads one handwritten character of the classes {', '.join(manifest['classes'])} from a picture"


def _data(name: str, recipe: Mapping[str, Any]) -> str:
    """Describe the training data: source, licence and what was drawn in addition."""
    source = MNIST_SOURCE if name == "mnist" else f"`{name}`"
    known = f"The training part of {source}, without the validation part."
    if recipe.get("paper_lines") is not None:
        return (
            f"{known} Lines are composed of these digits, of what the package draws and the sources below, "
            "on synthetic paper with light, camera and damage "
            "(`training/synthesis/paper_lines/`). Real lines of numbers and words are among the sources, if "
            "any. A second network in the same file finds the line."
        )
    if reads_numbers(recipe):
        return (
            f"{known} Lines are composed of these digits, of digits, signs and letters that the package "
            "draws, and of digits and letters in the fonts of Matplotlib (`training/synthesis/lines.py`). No "
            "other handwriting."
        )
    if recipe.get("paper") is not None:
        return (
            f"{known} Added: digits, letters, signs, scribbles and doodles that the repository draws, and "
            "the sources below, if any. All are composed on synthetic paper, with light, camera and damage "
            "(`training/synthesis/crops.py`). A second network in the same file finds the ink."
        )
    if recipe.get("companions") is not None:
        return (
            f"{known} In addition: digits, letters, signs, scribbles, doodles, textures and rulings that the "
            "package draws (`training/synthesis/companions.py`). No other handwriting."
        )
    return known


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of the open data that was trained on."""
    if not sources:
        return []
    return [
        "Open data. Sources for calibration are left out of training; temperature and threshold are fitted "
        "on them." + (EMNIST_NOTE if any(each["name"].startswith("emnist") for each in sources) else ""),
        "",
        "| source | use | drawings | from | licence | SHA-256 |",
        "|---|---|---|---|---|---|",
        *(
            f"| {each['name']} | {each['use']} | {each['drawings']:,} | {each['origin']} | {each['licence']} "
            f"| `{each['sha256']}` |"
            for each in sources
        ),
        "",
    ]


def _ink(ink: Mapping[str, Any] | None) -> list[str]:
    """How the network that finds the ink was trained, if there is one."""
    if ink is None:
        return []
    return [
        "The ink network before it:",
        "",
        f"    {ink['command']}",
        "",
        f"{ink['steps']:,} batches of {ink['batch_size']}, {ink['seconds']} s on the same machine.",
        "",
    ]


def _start(start: Mapping[str, Any] | None) -> list[str]:
    """The weights that the training began with, if they were not random."""
    if start is None:
        return []
    return [
        f"The weights to start from, and the teacher: {start['name']}, SHA-256 `{start['sha256']}`.",
        "",
    ]


def _limits(recipe: Mapping[str, Any]) -> str:
    """What a model of the recipe cannot do."""
    if recipe.get("paper_lines") is not None:
        return LIMITS_OF_PAPER_LINES
    if reads_numbers(recipe):
        return LIMITS_OF_NUMBERS
    by_network = recipe.get("paper") is not None
    known = "A picture shows one character. " + (
        LIMITS_OF_LEARNED_INK if by_network else LIMITS_OF_THRESHOLDS
    )
    if by_network or recipe.get("companions") is not None:
        return known + (
            "The model abstains on blank paper. `is_digit` is low for letters, signs, scribbles and several "
            "digits, as far as they resemble those that it was trained on."
        )
    return known + "The model abstains only on a blank picture (`is_digit` 0); it reads a letter as a digit."


def _adaptation(adapted: Mapping[str, Any]) -> list[str]:
    """Describe the pictures that a model was adapted to, and what changed."""
    held_out = f"; {adapted['held_out']:,} more were held out" if adapted["held_out"] else ""
    return [
        "## Adapted",
        "",
        f"From `{adapted['base']['file']}`, SHA-256 `{adapted['base']['sha256']}`, to "
        f"{adapted['pictures']:,} pictures of {adapted['data']}{held_out}. "
        "The section Training describes the adaptation; "
        f"{100 * adapted['share']:.0f}% of its change of the weights was applied.",
        "",
        "| accuracy on | pictures | before | after |",
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
        return ["Not evaluated yet; run `number-prediction evaluate RUN`.", ""]
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


def _benchmark(benchmark: Mapping[str, Any]) -> list[str]:
    """Show the figures of a benchmark script, which a packaged manifest holds."""
    return [
        f"`{benchmark['command']}`: {benchmark['about']}",
        "",
        f"| {' | '.join(benchmark['columns'])} |",
        "|---" * len(benchmark["columns"]) + "|",
        *(f"| {' | '.join(row)} |" for row in benchmark["rows"]),
        "",
        *(f"- {note}" for note in benchmark["notes"]),
        "",
    ]
