"""What several test files share: MNIST, a small training run, and the command line in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from number_prediction import Predictor, Splits, load_mnist
from number_prediction.runs import Run

CommandLine = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def mnist() -> Splits:
    return load_mnist()


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """The model in the package."""
    return Predictor()


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, mnist: Splits) -> Run:
    """A CNN trained for a fifth of an epoch, exported, with its validation report."""
    from number_prediction.training.fit import fit
    from number_prediction.training.recipes import get_recipe
    from number_prediction.training.session import finish_run, start_run

    folder = tmp_path_factory.mktemp("runs") / "small"
    run = start_run(replace(get_recipe("cnn"), epochs=0.2, min_batches=0), folder, command="a test")
    for _ in fit(run, mnist):
        pass
    finish_run(run, mnist)
    return run


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """Runs `number-prediction ARGUMENTS` in its own process and folder; stdin as bytes."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "number_prediction", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100"},
            timeout=300,
            check=False,
        )

    return run
