"""The exported graph: one file that answers as torch does, is verified before use, and stands alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import MEASURES_KEY, Predictor
from number_prediction.digits.warnings import MEASURES
from number_prediction.errors import ModelError, TrainingError
from number_prediction.runs.run import Run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export.digits import check_parity
from number_prediction.training.export.export import export_run
from number_prediction.training.finetuning.weights import open_model
from number_prediction.training.graph.digit_graph import DigitGraph
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.recipes import get_recipe
from tests.conftest import CommandLine


@pytest.mark.slow
def test_torch_and_onnx_runtime_agree_over_the_whole_test_part(
    small_run: Run, mnist: Splits, compared_pictures: int
) -> None:
    assert compared_pictures == len(mnist.test)  # of those an export compares, but in the other tests
    trained = load_trained(small_run)
    graph = DigitGraph(trained.network, temperature=trained.temperature).eval()
    predictor = Predictor(small_run.folder)
    parity = check_parity(graph, predictor, trained.threshold, pages=mnist.test.images)
    assert parity.pictures >= 10_000
    assert parity.different_labels == 0
    assert parity.largest_difference <= 1e-4


@pytest.mark.parametrize(
    "name",
    ["fast", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mlp", "micro", "tiny", "best"))],
)
def test_the_network_of_a_recipe_is_exported_and_found_again(
    name: str, tmp_path: Path, mnist: Splits
) -> None:
    few = Splits(mnist.train.select(slice(0, 300)), mnist.validation.select(slice(0, 50)), mnist.test)
    recipe = replace(get_recipe(name), epochs=0, min_batches=3, batch_size=32)
    run = start_run(recipe, tmp_path / "run", threads=1)
    for _ in fit(run, few):
        pass
    export_run(run)  # compares it with torch
    assert open_model(Predictor(run.folder)).recipe.name == name


def test_a_graph_that_answers_otherwise_does_not_pass(small_run: Run, mnist: Splits) -> None:
    trained = load_trained(small_run)
    last = list(trained.network.parameters())[-1]
    last.data[3] += 0.01
    graph = DigitGraph(trained.network, temperature=trained.temperature).eval()
    with pytest.raises(ModelError, match="disagree"):
        check_parity(graph, Predictor(small_run.folder), trained.threshold, pages=mnist.test.images[:200])


def test_one_file_holds_all_and_has_dynamic_sizes(small_run: Run, tmp_path: Path) -> None:
    alone = shutil.copy(small_run.model_path, tmp_path / "alone.onnx")
    session = onnxruntime.InferenceSession(alone)
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("page", "tensor(uint8)", ["batch", "height", "width"])
    ]
    for shape in [(1, 28, 28), (5, 3, 200), (2, 301, 77)]:
        page = np.zeros(shape, np.uint8)
        frame, probabilities, is_digit, ink, findings, paper, beside = session.run(None, {"page": page})
        np.testing.assert_allclose(paper, (frame + 1) / 3, atol=1e-6)  # it sees no paper, so it is clean
        assert not beside.any()  # it tells nothing apart
        assert frame.shape == (shape[0], 28, 28)
        assert probabilities.shape == (shape[0], 10)
        assert is_digit.shape == (shape[0],)
        assert ink.shape == shape
        assert findings.shape == (shape[0], len(MEASURES))
    assert json.loads(session.get_modelmeta().custom_metadata_map[MEASURES_KEY]) == list(MEASURES)


def test_the_file_names_no_path_of_the_machine(small_run: Run) -> None:
    model = onnx.load(small_run.model_path)
    onnx.checker.check_model(model)
    assert str(Path(__file__).parents[3]).encode() not in small_run.model_path.read_bytes()


def test_manifest_and_card_stand_beside_the_model(small_run: Run) -> None:
    manifest = json.loads((small_run.folder / "model.json").read_text())
    card = (small_run.folder / "model.md").read_text()
    assert manifest["sha256"] == Predictor(small_run.folder).sha256
    assert manifest["parity"]["different_labels"] == 0
    assert manifest["training"]["command"] in card
    assert manifest["sha256"] in card


@pytest.mark.slow
def test_an_evaluated_run_is_exported_by_the_command(
    command_line: CommandLine, tmp_path: Path, small_run: Run, mnist: Splits
) -> None:
    shutil.copytree(small_run.folder, tmp_path / "run")
    evaluated = command_line("evaluate", "run", "--part", "test", "--no-analysis")
    assert evaluated.returncode == 0, evaluated.stderr.decode()
    assert evaluated.stdout.decode().splitlines()[-1] == str(Path("run/test/report.html"))
    exported = command_line("export", "run", "--output", "mine.onnx")
    assert exported.returncode == 0, exported.stderr.decode()
    assert exported.stdout == b"mine.onnx\n"
    card = (tmp_path / "mine.md").read_text()
    for part in ("validation", "test"):
        summary = json.loads((tmp_path / "run" / part / "metrics.json").read_text())["summary"]
        assert summary["pictures"] == len(getattr(mnist, part))
        assert f"{100 * summary['accuracy']:.2f}%" in card
    assert f"accuracy {100 * summary['accuracy']:.2f}%" in evaluated.stdout.decode()
    mine = Predictor(tmp_path / "mine.onnx")
    assert mine.sha256 == Predictor(small_run.folder).sha256  # an export is the same each time
    assert mine.predict_digits(mnist.test.images[:1])[0].label == 7


def test_an_altered_model_is_refused(small_run: Run, tmp_path: Path) -> None:
    for name in ("model.onnx", "model.json"):
        shutil.copy(small_run.folder / name, tmp_path)
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        Predictor(tmp_path)


def test_what_is_no_digit_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        Predictor(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        Predictor(tmp_path / "text.onnx")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "other", value[:1], value[1:])
    other = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="not a digit graph"):
        Predictor(tmp_path / "other.onnx")


def test_an_unfinished_run_is_not_exported(tmp_path: Path, mnist: Splits) -> None:
    run = start_run(get_recipe("mlp"), tmp_path / "run")
    records = fit(run, mnist)
    next(records)
    records.close()
    with pytest.raises(TrainingError, match="--resume"):
        export_run(run)
