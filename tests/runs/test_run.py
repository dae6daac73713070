"""Run folders: settings, log and refusals, without a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from number_prediction.errors import DataError
from number_prediction.runs.run import Record, Run, Settings, name_program, name_threads, reads_numbers

SETTINGS = Settings(
    recipe={"name": "cnn", "lines": None},
    data="mnist",
    seed=3,
    threads=2,
    device="cpu",
    precision="fp32",
    command="number-prediction train cnn",
    environment={"python": "3"},
)


def record(step: int) -> Record:
    return Record(step=step, steps=30, epoch=step / 10, seconds=1.5 * step, loss=1 / step)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "runs" / "cnn")
    run.create(SETTINGS)
    return run


def test_settings_are_read_as_they_were_written(run: Run) -> None:
    assert run.settings() == SETTINGS
    assert run.settings().computing == "cpu, 2 threads, fp32"
    assert not run.settings().reads_numbers
    assert reads_numbers({"lines": {"writings": 4}})


def test_an_existing_run_is_never_overwritten(run: Run) -> None:
    with pytest.raises(DataError, match=r"a run already exists here; resume it with train --resume"):
        run.create(SETTINGS)


def test_a_folder_without_a_run_and_damaged_settings_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a run, run\.json is missing; check the path"):
        Run(tmp_path / "nothing").settings()
    run.settings_path.write_text('{"recipe": 5')
    with pytest.raises(DataError, match=r"run\.json: not the settings of a run"):
        run.settings()


def test_the_log_is_read_to_an_unfinished_line_and_cut_after_a_step(run: Run) -> None:
    assert run.records() == []
    for step in (10, 20, 30):
        run.append(record(step))
    assert run.records() == [record(10), record(20), record(30)]
    with run.log_path.open("a") as stream:
        stream.write('{"step": 40, "ste')
    assert len(run.records()) == 3
    run.truncate_log(20)
    assert run.records() == [record(10), record(20)]


def test_a_log_of_a_newer_version_is_read(run: Run) -> None:
    run.log_path.write_text('{"step": 1, "steps": 2, "epoch": 0.5, "seconds": 1.0, "new_field": 7}\n')
    assert [each.step for each in run.records()] == [1]


def test_commands_and_threads_are_named_by_the_number_of_processes(run: Run) -> None:
    assert name_program(1) == "number-prediction"
    assert run.how_to_resume(2).startswith("torchrun --nproc_per_node 2 -m number_prediction train --resume")
    assert name_threads(4, 1) == "4 threads"
    assert name_threads(1, 2) == "1 threads in each of 2 processes"
