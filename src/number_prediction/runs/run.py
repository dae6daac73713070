"""Run: one training and all it left, in its own folder. What the files are called and what they hold.

run.json                 settings: recipe, data, seed, threads, device, precision, environment, command
log.jsonl                one JSON object a line: progress of the training, see `Record`
checkpoint.safetensors   weights, optimiser, generators and position
model.onnx, .json, .md   the exported graph, its manifest, its model card
validation/, test/       metrics.json, report.html and figures of each evaluation
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from number_prediction.errors import DataError
from number_prediction.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides a run; the content of run.json."""

    recipe: Mapping[str, Any]
    """A recipe as plain values."""
    data: str
    """"mnist", or the absolute path of a data set."""
    seed: int
    threads: int
    device: str
    """"cuda", "mps" or "cpu"."""
    precision: str
    """"bf16" or "fp32": what the device could do of what the recipe asked for."""
    command: str
    """How the run was started; see `describe_start`."""
    environment: Mapping[str, Any]
    """Versions, processor and commit; see `describe_environment`."""
    processes: int = 1
    """That train together, each with so many threads."""

    @property
    def computing(self) -> str:
        """Device, threads, processes and precision, in words."""
        return f"{self.device}, {name_threads(self.threads, self.processes)}, {self.precision}"

    @property
    def reads_numbers(self) -> bool:
        """Whether the run's model reads lines, not single digits."""
        return self.recipe.get("lines") is not None


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line of log.jsonl: the training since the line before it, or a validation."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole training."""
    epoch: float
    """Passes over the training images done."""
    seconds: float
    """Training time so far, without validation."""
    loss: float | None = None
    """Mean loss over the batches since the line before."""
    learning_rate: float | None = None
    images_per_second: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Run:
    """A run's folder and the names of its files."""

    folder: Path

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
        """Where the evaluation on "validation" or "test" goes."""
        return self.folder / part

    def create(self, settings: Settings) -> None:
        """Make the folder and write its settings; an existing run is never overwritten."""
        if self.settings_path.exists():
            raise DataError(
                f"{self.folder}: there is a run already; go on with train --resume {self.folder}, "
                "or choose another --output"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.settings_path, json.dumps(asdict(settings), indent=2) + "\n")

    def settings(self) -> Settings:
        """Read run.json."""
        try:
            values = json.loads(self.settings_path.read_text(encoding="utf-8"))
            return Settings(**values)
        except FileNotFoundError:
            raise DataError(f"{self.folder}: not a run (no run.json there); check the path") from None
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{self.settings_path}: not the settings of a run ({error})") from error

    def how_to_resume(self, processes: int) -> str:
        """The command line by which as many processes go on with the training."""
        return f"{name_program(processes)} train --resume {self.folder}"

    def records(self) -> list[Record]:
        """Read log.jsonl; a last line that a killed process left unfinished is passed over."""
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
        """Forget what was logged after `step`, before a resumed training does it again."""
        kept = "".join(_to_line(record) for record in self.records() if record.step <= step)
        write_atomically(self.log_path, kept)


def name_program(processes: int) -> str:
    """How a command line begins that as many processes of a machine are to run."""
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
    """How many threads and processes train, in words."""
    return f"{threads} threads" + (f" in each of {processes} processes" if processes > 1 else "")
