"""The exported graph: one file that answers as torch does, is verified before use, and stands alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from number_prediction import ModelError, Predictor, Splits, TrainingError
from number_prediction.findings import MEASURES
from number_prediction.predictor import MEASURES_KEY
from number_prediction.runs import Run
from number_prediction.training.export import check_parity, export_run, to_onnx
from number_prediction.training.graph import DigitGraph
from number_prediction.training.state import load_trained


def test_torch_and_onnx_runtime_agree_over_the_whole_test_part(small_run: Run) -> None:
    trained = load_trained(small_run)
    graph = DigitGraph(trained.network, temperature=trained.temperature).eval()
    parity = check_parity(graph, Predictor(small_run.folder), trained.threshold)
    assert parity.pictures >= 10_000
    assert parity.different_labels == 0
    assert parity.largest_difference <= 1e-4


def test_a_graph_that_answers_otherwise_does_not_pass(small_run: Run) -> None:
    trained = load_trained(small_run)
    last = list(trained.network.parameters())[-1]
    last.data[3] += 0.01
    graph = DigitGraph(trained.network, temperature=trained.temperature).eval()
    with pytest.raises(ModelError, match="disagree"):
        check_parity(graph, Predictor(small_run.folder), trained.threshold)


def test_one_file_holds_all_and_has_dynamic_sizes(small_run: Run, tmp_path: Path) -> None:
    alone = shutil.copy(small_run.model_path, tmp_path / "alone.onnx")
    session = onnxruntime.InferenceSession(alone)
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("page", "tensor(uint8)", ["batch", "height", "width"])
    ]
    for shape in [(1, 28, 28), (5, 3, 200), (2, 301, 77)]:
        page = np.zeros(shape, np.uint8)
        frame, probabilities, is_digit, ink, findings = session.run(None, {"page": page})
        assert frame.shape == (shape[0], 28, 28)
        assert probabilities.shape == (shape[0], 10)
        assert is_digit.shape == (shape[0],)
        assert ink.shape == shape
        assert findings.shape == (shape[0], len(MEASURES))
    assert json.loads(session.get_modelmeta().custom_metadata_map[MEASURES_KEY]) == list(MEASURES)


def test_the_file_names_no_path_of_the_machine(small_run: Run) -> None:
    model = onnx.load(small_run.model_path)
    onnx.checker.check_model(model)
    assert str(Path(__file__).parent.parent).encode() not in small_run.model_path.read_bytes()


def test_manifest_and_card_stand_beside_the_model(small_run: Run) -> None:
    manifest = json.loads((small_run.folder / "model.json").read_text())
    card = (small_run.folder / "model.md").read_text()
    assert manifest["sha256"] == Predictor(small_run.folder).sha256
    assert manifest["parity"]["different_labels"] == 0
    assert manifest["training"]["command"] in card
    assert manifest["sha256"] in card


def test_figures_of_an_evaluation_enter_the_card(small_run: Run, tmp_path: Path) -> None:
    output = export_run(small_run, output=tmp_path / "digit.onnx")
    summary = json.loads((small_run.folder / "validation" / "metrics.json").read_text())["summary"]
    assert f"{100 * summary['accuracy']:.2f}%" in output.with_suffix(".md").read_text()
    assert Predictor(output).sha256 == Predictor(small_run.folder).sha256


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
    from number_prediction.training.fit import fit
    from number_prediction.training.recipes import get_recipe
    from number_prediction.training.session import start_run

    run = start_run(get_recipe("mlp"), tmp_path / "run", command="a test")
    records = fit(run, mnist)
    next(records)
    records.close()
    with pytest.raises(TrainingError, match="--resume"):
        export_run(run)


def test_class_names_go_with_the_model(small_run: Run, tmp_path: Path) -> None:
    network = load_trained(small_run).network
    names = ("zero", "eins", "två", "3", "4", "5", "6", "7", "8", "九")
    (tmp_path / "named.onnx").write_bytes(to_onnx(DigitGraph(network).eval(), names))
    assert Predictor(tmp_path / "named.onnx").classes == names
