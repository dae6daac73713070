"""Run: the folder of one training, its files and what they hold.

run.json                 settings: recipe, data, seed, threads, device, precision, environment, command
log.jsonl                progress of the training, one JSON object per line, see `Record`
checkpoint.safetensors   weights, optimiser, random generators and position
model.onnx, .json, .md   the exported graph, its manifest and its model card
validation/, test/       metrics.json, report.html and figures of each evaluation
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from number_prediction.errors import DataError
from number_prediction.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines a run; the content of run.json."""

    recipe: Mapping[str, Any]
    """The recipe as plain values."""
    data: str
    """"mnist", or the absolute path of a data set."""
    seed: int
    threads: int
    device: str
    """"cuda", "mps" or "cpu"."""
    precision: str
    """"bf16" or "fp32": the precision of the recipe, or fp32 if the device lacks it."""
    command: str
    """How the run was started; see `describe_start`."""
    environment: Mapping[str, Any]
    """Versions, processor and commit; see `machine.describe_environment`."""
    processes: int = 1
    """Number of processes that train together, each with `threads` threads."""
    open_data: str | None = None
    """Absolute path of the folder of open data, if one is used."""
    sources: tuple[Mapping[str, Any], ...] = ()
    """What that folder held: name, origin, licence, drawings and sha256 of each source."""
    ink: str | None = None
    """Absolute path of the run whose ink network makes the frames, if one does."""

    @property
    def computing(self) -> str:
        """Device, threads, processes and precision, in words."""
        return f"{self.device}, {name_threads(self.threads, self.processes)}, {self.precision}"

    @property
    def finds_ink(self) -> bool:
        """Whether the run's network tells ink from paper and reads nothing."""
        return any(self.recipe.get(part) is not None for part in ("crops", "line_crops"))

    @property
    def reads_numbers(self) -> bool:
        """Whether the model of the run reads numbers, not single digits."""
        return reads_numbers(self.recipe)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line of log.jsonl: training since the previous line, or a validation."""

    step: int
    """Batches so far."""
    steps: int
    """Batches in the whole training."""
    epoch: float
    """Passes over the training images so far."""
    seconds: float
    """Training time so far, without validation."""
    loss: float | None = None
    """Mean loss of the batches since the previous line."""
    learning_rate: float | None = None
    images_per_second: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


RUNS = "runs"
"""Folder of all runs without a given one, below the current folder."""


@dataclass(frozen=True, repr=False)
class Run:
    """The folder of a run and the names of its files."""

    folder: Path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.folder})"

    @property
    def settings_path(self) -> Path:
        return self.folder / "run.json"

    @property
    def log_path(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def model_path(self) -> Path:
        return self.folder / "model.onnx"

    def evaluation_folder(self, part: str) -> Path:
        """Return the folder of the evaluation on "validation" or "test"."""
        return self.folder / part

    def create(self, settings: Settings) -> None:
        """Create the folder and write run.json; an existing run is never overwritten."""
        if self.settings_path.exists():
            raise DataError(
                f"{self.folder}: a run already exists here; resume it with train --resume {self.folder} "
                "or choose another --output"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.settings_path, json.dumps(asdict(settings), indent=2) + "\n")

    def settings(self) -> Settings:
        """Read run.json."""
        try:
            values = json.loads(self.settings_path.read_text(encoding="utf-8"))
            return Settings(**{**values, "sources": tuple(values.get("sources", ()))})
        except FileNotFoundError:
            raise DataError(f"{self.folder}: not a run, run.json is missing; check the path") from None
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{self.settings_path}: not the settings of a run ({error}); train again"
            ) from error

    def how_to_resume(self, processes: int) -> str:
        """Return the command line that resumes the training with this number of processes."""
        return f"{name_program(processes)} train --resume {self.folder}"

    def records(self) -> list[Record]:
        """Read log.jsonl; an unfinished last line of a killed process is ignored."""
        if not self.log_path.exists():
            return []
        known = {field.name for field in fields(Record)}
        records = []
        for line in self.log_path.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                break
            records.append(Record(**{name: value for name, value in values.items() if name in known}))
        return records

    def append(self, record: Record) -> None:
        """Add one line to log.jsonl."""
        with self.log_path.open("a", encoding="utf-8") as stream:
            stream.write(_to_line(record))

    def truncate_log(self, step: int) -> None:
        """Remove records after `step`: a resumed training writes them again."""
        kept = "".join(_to_line(record) for record in self.records() if record.step <= step)
        write_atomically(self.log_path, kept)


def new_folder(name: str) -> Path:
    """The folder for results without a given one: RUNS/NAME-TIME."""
    return Path(RUNS) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def reads_numbers(recipe: Mapping[str, Any]) -> bool:
    """Return whether a model of a recipe, as plain values, reads numbers and not single digits."""
    return any(recipe.get(part) is not None for part in ("lines", "paper_lines"))


def name_program(processes: int) -> str:
    """Return how a command line begins that starts this number of processes."""
    if processes > 1:
        return f"torchrun --nproc_per_node {processes} -m number_prediction"
    return "number-prediction"


def describe_start(processes: int = 1) -> str:
    """How this process was started, to be kept with its results.

    Out: the command line of number-prediction, as typed for this many processes; "Python" in any other
    program.
    """
    program = Path(sys.argv[0])
    is_module = (program.parent.name, program.name) == ("number_prediction", "__main__.py")
    if not (is_module or program.stem == "number-prediction"):
        return "Python"
    return f"{name_program(processes)} {shlex.join(sys.argv[1:])}"


def _to_line(record: Record) -> str:
    present = {name: value for name, value in asdict(record).items() if value is not None}
    return json.dumps(present) + "\n"


def name_threads(threads: int, processes: int) -> str:
    """Describe the number of threads and processes in words."""
    return f"{threads} threads" + (f" in each of {processes} processes" if processes > 1 else "")
