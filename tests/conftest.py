"""What several test files share: MNIST, a small training run, and the command line in a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from number_prediction import Predictor, Splits, load_mnist
from number_prediction.findings import MEASURES
from number_prediction.predictor import CLASSES_KEY, MEASURES_KEY
from number_prediction.runs import Run
from tests.composed import Handwriting, read_digits

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
