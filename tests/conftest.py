"""What several test files share: MNIST, a small training run, and the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from number_prediction.cli import main
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import CLASSES_KEY, MEASURES_KEY, Predictor
from number_prediction.digits.warnings import MEASURES
from number_prediction.runs.run import Run
from tests.helpers.composed import Handwriting, read_digits

CommandLine = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def mnist() -> Splits:
    return load_mnist()


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """The model in the package."""
    return Predictor()


@pytest.fixture(scope="session")
def handwriting(predictor: Predictor, mnist: Splits) -> Handwriting:
    """Of four thousand digits, some are misread."""
    return read_digits(predictor, mnist.test, 4000)


@pytest.fixture(scope="session", autouse=True)
def compared_pictures() -> Iterator[int]:
    """How many pictures an export compares by default; here it compares few."""
    from number_prediction.training.export import digits as digits_export

    with pytest.MonkeyPatch.context() as patch:
        usual = digits_export.PARITY_PICTURES
        for name in ("PARITY_PICTURES", "QUICK_PARITY_PICTURES"):
            patch.setattr(digits_export, name, 200)
        yield usual


@pytest.fixture(scope="session")
def make_run_once(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[Run], None]], Run]:
    """Makes a run; the processes of pytest-xdist share it: the first makes it, the others wait."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent  # that of all processes

    def make_once(name: str, make: Callable[[Run], None]) -> Run:
        run, finished = Run(folder / "shared" / name), folder / "shared" / f"{name}.finished"
        run.folder.parent.mkdir(exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            if not finished.exists():
                make(run)
                finished.touch()
        return run

    return make_once


@pytest.fixture(scope="session")
def small_run(mnist: Splits, make_run_once: Callable[[str, Callable[[Run], None]], Run]) -> Run:
    """A CNN trained for a fifth of an epoch, exported, with its validation report; do not write into it."""
    from number_prediction.training.experiments.setup import start_run
    from number_prediction.training.experiments.train import finish_run
    from number_prediction.training.loop.fit import fit
    from number_prediction.training.recipes import get_recipe

    def make(run: Run) -> None:
        start_run(replace(get_recipe("cnn"), epochs=0.2, min_batches=0), run.folder)
        for _ in fit(run, mnist._replace(validation=mnist.validation.select(slice(0, 500)))):
            pass
        finish_run(run, mnist)

    return make_run_once("small", make)


@pytest.fixture(scope="session")
def few_digits(mnist: Splits) -> Splits:
    """A few hundred digits to train a model for numbers."""
    return Splits(*(split.select(slice(0, count)) for split, count in zip(mnist, (600, 200, 1), strict=True)))


@pytest.fixture(scope="session")
def number_run(few_digits: Splits, make_run_once: Callable[[str, Callable[[Run], None]], Run]) -> Run:
    """A model for numbers trained for twelve batches, exported; do not write into it."""
    from number_prediction.training.export.export import export_run
    from number_prediction.training.loop.fit import fit
    from tests.helpers.number_training import few_lines, start

    def make(run: Run) -> None:
        start(run.folder)
        with few_lines():
            for _ in fit(run, few_digits):
                pass
            export_run(run)

    return make_run_once("number", make)


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """Calls what `number-prediction ARGUMENTS` runs, in `tmp_path`; stdin as bytes."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        typed = ["number-prediction", *map(str, arguments)]
        given, out, err = (io.TextIOWrapper(io.BytesIO(each), "utf-8") for each in (stdin, b"", b""))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setenv("COLUMNS", "100")
            for name, value in (("argv", typed), ("stdin", given), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, value)
            patch.setattr(sys, "excepthook", sys.excepthook)  # Typer puts its own there
            with pytest.raises(SystemExit) as ended:
                main()
        out.flush()
        err.flush()
        status = ended.value.code
        assert isinstance(status, int)
        written = [stream.buffer.getvalue() for stream in (out, err)]  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(typed, status, *written)

    return run


@pytest.fixture
def command_process(tmp_path: Path) -> CommandLine:
    """As `command_line`, in a process of its own, which takes seconds."""

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


def save_perceptron(
    path: Path,
    weights: Sequence[NDArray[np.float32]],
    classes: Sequence[str],
    *,
    transposed: bool = False,
    pooled: bool = False,
) -> Path:
    """A digit graph of weights (outputs, inputs) with ReLU between them, for pages of any size, ink 255.

    `transposed`: the file holds the weights as (inputs, outputs). `pooled`: the frame is halved first.
    """
    nodes = [
        helper.make_node("Cast", ["page"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["grey", "channel"], ["picture"]),
        helper.make_node("Resize", ["picture", "", "", "size"], ["resized"], mode="linear", axes=[2, 3]),
        helper.make_node("Div", ["grey", "full"], ["ink"]),
        helper.make_node("Div", ["resized", "full"], ["small"]),
        helper.make_node("Squeeze", ["small", "channel"], ["frame"]),
        helper.make_node("ReduceMax", ["frame", "all"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "none"], ["has_ink"]),
        helper.make_node("Cast", ["has_ink"], ["is_digit"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["is_digit", "channel"], ["has_measures"]),
        helper.make_node("Mul", ["has_measures", "measured"], ["findings"]),
        helper.make_node("Unsqueeze", ["frame", "channel"], ["image"]),
        helper.make_node("AveragePool", ["image"], ["halved"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["halved" if pooled else "image"], ["layer0"]),
    ]
    tensors = {
        "full": np.array(255, np.float32),
        "none": np.array(0, np.float32),
        "channel": np.array([1], np.int64),
        "all": np.array([1, 2], np.int64),
        "size": np.array([28, 28], np.int64),
        "measured": np.array([[0, 0, 1, 1, 0, 20]], np.float32),
    }
    for index, values in enumerate(weights):
        tensors[f"weights{index}"] = np.ascontiguousarray(values.T if transposed else values)
        output = "logits" if index == len(weights) - 1 else f"sum{index}"
        names = [f"layer{index}", f"weights{index}"]
        nodes.append(helper.make_node("Gemm", names, [output], transB=int(not transposed)))
        if output != "logits":
            nodes.append(helper.make_node("Relu", [output], [f"layer{index + 1}"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    shapes = {
        "frame": ["n", 28, 28],
        "probabilities": ["n", len(classes)],
        "is_digit": ["n"],
        "ink": ["n", "h", "w"],
        "findings": ["n", len(MEASURES)],
    }
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("page", TensorProto.UINT8, ["n", "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(
        model, {CLASSES_KEY: json.dumps(list(classes)), MEASURES_KEY: json.dumps(MEASURES)}
    )
    onnx.save(model, path)
    return path
