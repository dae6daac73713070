"""Analysis, explorer and report of an evaluation: what they show is what was evaluated."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray
from PIL import Image

from number_prediction.datasets.load import load_evaluation_split, rejected_labels
from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation import analysis
from number_prediction.evaluation.analysis import Analysis, analyse
from number_prediction.evaluation.digits import Evaluation, evaluate
from number_prediction.evaluation.metrics import reliability
from number_prediction.reports import error_explorer as error_explorer_report
from number_prediction.reports.error_explorer import ExplorerData, build_explorer
from number_prediction.reports.evaluation import write_report
from number_prediction.runs.run import Run
from number_prediction.training.attribution import integrated_gradients
from number_prediction.training.loop.trained import load_trained
from tests.conftest import CommandLine, save_perceptron

PICTURES = 300
EXPLAINED = 40


@pytest.fixture(scope="module")
def training(mnist: Splits) -> Split:
    return mnist.train.select(slice(0, 3000))


@pytest.fixture(scope="module", autouse=True)
def _few_pictures() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "MAX_EXPLAINED_PICTURES", EXPLAINED)
        patch.setattr(analysis, "FAITHFULNESS_PICTURES", 40)
        patch.setattr(analysis, "ROBUSTNESS_PICTURES", 40)
        yield


@pytest.fixture(scope="module")
def evaluation(small_run: Run, mnist: Splits) -> Evaluation:
    """Test pictures, the first of them blank, one with a label that was rejected."""
    images = mnist.test.images[:PICTURES].copy()
    images[0] = 0
    split = Split(images, mnist.test.labels[:PICTURES], mnist.test.classes)
    return evaluate(Predictor(small_run.folder), split, name="some", rejected=np.array([8, 9]))


@pytest.fixture(scope="module")
def analysed(evaluation: Evaluation, small_run: Run, training: Split) -> Analysis:
    return analyse(
        evaluation,
        Predictor(small_run.folder),
        training=training,
        methods={"integrated gradients": integrated_gradients(small_run)},
    )


@pytest.fixture(scope="module")
def explorer(evaluation: Evaluation, analysed: Analysis) -> ExplorerData:
    return build_explorer(evaluation, analysed)


# What is explained


def test_errors_come_first_then_doubtful_answers(evaluation: Evaluation, analysed: Analysis) -> None:
    assert len(analysed.explained) == EXPLAINED
    errors = len(evaluation.errors)
    assert 0 < errors < EXPLAINED
    assert 0 in evaluation.errors  # the blank page
    assert analysed.explained[:errors].tolist() == evaluation.errors.tolist()
    rest = analysed.explained[errors:]
    others = np.setdiff1d(np.arange(PICTURES), analysed.explained)
    confidence = evaluation.probabilities.max(1)
    assert evaluation.correct[rest].all()
    assert (np.diff(confidence[rest]) >= 0).all()
    assert confidence[rest].max() <= confidence[others].min()


def test_each_explained_picture_has_maps(evaluation: Evaluation, analysed: Analysis) -> None:
    assert list(analysed.saliency) == ["occlusion", "integrated gradients"]
    assert set(analysed.faithfulness) == {*analysed.saliency, "random"}
    blank = analysed.explained.tolist().index(0)
    for maps in analysed.saliency.values():
        assert maps.shape == (EXPLAINED, 28, 28)
        assert [row for row in range(EXPLAINED) if not maps[row].any()] == [blank]
    gradients = analysed.saliency["integrated gradients"]
    assert (gradients[evaluation.frames[analysed.explained] == 0] == 0).all()


def test_neighbours_are_the_nearest_training_pictures(
    evaluation: Evaluation, analysed: Analysis, training: Split
) -> None:
    near = analysed.neighbours
    assert near is not None
    assert near.index.shape == near.label.shape == (EXPLAINED, analysis.NEIGHBOURS_PER_PICTURE)
    np.testing.assert_array_equal(near.frames, training.images[near.index])
    np.testing.assert_array_equal(near.label, training.labels[near.index])
    pixels = training.images.reshape(len(training), -1).astype(np.float64)
    frames = evaluation.frames[analysed.explained].reshape(EXPLAINED, -1)
    is_near = []  # principal components leave something out
    for frame, index in zip(frames, near.index, strict=True):
        distance = np.linalg.norm(pixels - frame, axis=1)
        is_near.append(distance[index] < np.quantile(distance, 0.02))
    assert np.mean(is_near) > 0.9


def test_neighbours_keep_their_numbers_where_only_a_sample_is_searched(
    evaluation: Evaluation, training: Split, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "MAX_REFERENCE_PICTURES", 200)
    monkeypatch.setattr(analysis, "MAX_EXPLAINED_PICTURES", 5)
    near = analyse(evaluation, Predictor(small_run.folder), training=training).neighbours
    assert near is not None
    assert near.index.max() > 200
    np.testing.assert_array_equal(near.frames, training.images[near.index])
    np.testing.assert_array_equal(near.label, training.labels[near.index])


def test_layers_are_those_of_the_picture_asked_for(
    evaluation: Evaluation, analysed: Analysis, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "MAX_EXPLAINED_PICTURES", 1)
    predictor = Predictor(small_run.folder)
    assert analysed.picture == evaluation.errors[0]
    other = analyse(evaluation, predictor, picture=7)
    assert other.picture == 7
    assert other.neighbours is None
    assert [layer.shape[0] for layer in other.feature_maps] == [16, 32, 64, 128]
    assert (other.feature_maps[0] != analysed.feature_maps[0]).any()
    np.testing.assert_array_equal(other.filters, analysed.filters)
    for wrong in (PICTURES, -1):
        with pytest.raises(DataError, match="pictures 0 to 299"):
            analyse(evaluation, predictor, picture=wrong)


def test_training_pictures_of_other_classes_are_refused(
    evaluation: Evaluation, training: Split, small_run: Run
) -> None:
    other = Split(training.images, training.labels, tuple("abcdefghij"))
    with pytest.raises(DataError, match="the training pictures have classes a, b, c"):
        analyse(evaluation, Predictor(small_run.folder), training=other)


# The explorer


def sheet(url: str, tiles: int) -> NDArray[np.uint8]:
    """The tiles (N, 28, 28) or (N, 28, 28, 4) of a sheet."""
    start = "data:image/png;base64,"
    assert url.startswith(start)
    with Image.open(io.BytesIO(base64.b64decode(url.removeprefix(start)))) as picture:
        pixels = np.asarray(picture)
    columns = error_explorer_report.SHEET_COLUMNS
    return np.stack(
        [
            pixels[row * 28 : row * 28 + 28, column * 28 : column * 28 + 28]
            for row, column in (divmod(tile, columns) for tile in range(tiles))
        ]
    )


def test_a_tile_is_the_frame_of_its_picture(evaluation: Evaluation, explorer: ExplorerData) -> None:
    assert explorer.index.tolist() == list(range(PICTURES))
    np.testing.assert_array_equal(sheet(explorer.frames, PICTURES), 255 - evaluation.frames)


def test_details_belong_to_the_explained_pictures(analysed: Analysis, explorer: ExplorerData) -> None:
    np.testing.assert_array_equal(explorer.index[explorer.detailed], analysed.explained)
    near = explorer.neighbours
    assert near is not None
    assert analysed.neighbours is not None
    np.testing.assert_array_equal(near.label, analysed.neighbours.label)
    tiles = sheet(near.sheet, EXPLAINED * near.count).reshape(EXPLAINED, near.count, 28, 28)
    np.testing.assert_array_equal(tiles, 255 - analysed.neighbours.frames)
    for shown, maps in zip(explorer.saliency, analysed.saliency.values(), strict=True):
        tiles = sheet(shown.sheet, EXPLAINED).astype(int)
        assert tiles.shape == (EXPLAINED, 28, 28, 4)
        red, _, blue, opacity = np.moveaxis(tiles, 3, 0)
        assert (red > blue)[maps > 0].all()
        assert (red < blue)[maps < 0].all()
        assert (opacity[maps == 0] == 0).all()
        largest = np.abs(maps).max((1, 2))
        assert (opacity.max((1, 2)) == np.where(largest > 0, 220, 0)).all()


def test_answers_and_suspicions_are_those_of_the_evaluation(
    evaluation: Evaluation, explorer: ExplorerData
) -> None:
    values = json.loads(json.dumps(explorer.to_dict(), allow_nan=False))
    assert values["total"] == PICTURES
    assert values["predicted"][0] == -1
    assert values["predicted"][1:] == evaluation.predicted[1:].tolist()
    assert sum(values["abstained"]) == 1
    assert values["abstained"][evaluation.labels[0]] == 1
    assert np.sum(values["confusion"]) == PICTURES - 1
    probabilities = np.reshape(values["probabilities"], (PICTURES, 10))
    np.testing.assert_allclose(probabilities / 10_000, evaluation.probabilities, atol=1e-4)
    assert sorted(values["suspicion"]) == list(range(1, PICTURES + 1))
    by_suspicion = np.argsort(values["suspicion"])
    assert not evaluation.correct[by_suspicion[0]]
    suggested = np.array(values["suggested"])
    assert (suggested != evaluation.labels).all()  # -1, or another class


def test_without_an_analysis_there_are_no_details(evaluation: Evaluation) -> None:
    values = build_explorer(evaluation).to_dict()
    assert values["detailed"] == values["saliency"] == []
    assert values["neighbours"] is None


def test_of_many_pictures_all_explained_and_wrong_ones_stay(
    evaluation: Evaluation, analysed: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_explorer_report, "MAX_PICTURES", EXPLAINED + 10)
    data = build_explorer(evaluation, analysed)
    assert len(data.index) == EXPLAINED + 10
    assert data.total == PICTURES
    assert (np.diff(data.index) > 0).all()
    np.testing.assert_array_equal(data.index[data.detailed], analysed.explained)
    assert set(evaluation.errors) <= set(data.index)
    np.testing.assert_array_equal(data.label, evaluation.labels[data.index])
    np.testing.assert_array_equal(sheet(data.frames, EXPLAINED + 10), 255 - evaluation.frames[data.index])


# The report


def test_the_report_holds_the_analysis(evaluation: Evaluation, analysed: Analysis, tmp_path: Path) -> None:
    page = write_report(evaluation, tmp_path, analysis=analysed).read_text(encoding="utf-8")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    drawn = {"saliency", "faithfulness", "robustness", "filters", "feature_maps"}
    assert drawn <= names
    for name in names - {"worst_errors", "confusion_matrix"}:  # the explorer shows those
        content = base64.b64encode((tmp_path / "figures" / f"{name}.png").read_bytes()).decode()
        assert content in page
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    without = metrics["summary"]["accuracy_without_rejected_labels"]
    assert without == pytest.approx(np.delete(evaluation.correct, [8, 9]).mean())
    assert f"{100 * without:.2f}%</strong>without the 2 pictures" in page
    assert metrics["temperature"] == pytest.approx(evaluation.temperature)
    assert f"{metrics['summary']['ece_before_temperature']:.4f} before the temperature" in page
    pandas.testing.assert_frame_equal(pandas.DataFrame(metrics["robustness"]), analysed.robustness)
    for name, curve in analysed.faithfulness.items():
        assert metrics["faithfulness"][name]["deletion_area"] == curve.deletion_area
        assert metrics["faithfulness"][name]["insertion_area"] == curve.insertion_area
        assert f"{curve.deletion_area:.3f}<td>{curve.insertion_area:.3f}" in page


@pytest.mark.parametrize(
    ("classes", "known", "said"),
    [
        (("a", "b"), ("a", "b"), "some wrong"),
        (("1", "0"), (*"0123456789", "plus", "minus"), "some wrong"),  # classes without pictures
        (("a", "b"), ("a", "b"), "all right"),
        (("a", "b"), ("a", "b"), "one picture"),
    ],
)
def test_models_of_other_classes_and_of_few_answers_are_reported(
    classes: tuple[str, ...], known: tuple[str, ...], said: str, mnist: Splits, tmp_path: Path
) -> None:
    hidden = np.random.default_rng(0).normal(0, 0.1, (8, 784)).astype(np.float32)
    weights = [hidden, np.random.default_rng(1).normal(0, 1, (len(known), 8)).astype(np.float32)]
    predictor = Predictor(save_perceptron(tmp_path / "model.onnx", weights, known))
    images = mnist.test.images[: 1 if said == "one picture" else 7].copy()
    images[1:2] = 0
    labels = np.arange(len(images)) % 2
    labels[0] = predictor.run(images[:1]).probabilities[0, 0] >= 0.5  # the other class, where there are two
    if said == "all right":
        images = images[[0, 2, 3]]
        labels = predictor.run(images).probabilities.argmax(1)
    result = evaluate(predictor, Split(images, labels.astype(np.uint8), classes), name="few")
    assert result.temperature is None  # there is no manifest
    assert result.uncalibrated is None
    assert (result.accuracy == 1) == (said == "all right")
    training = Split(mnist.train.images[:4], np.array([0, 1, 0, 1], np.uint8), known)
    found = analyse(result, predictor, training=training)
    assert len(found.explained) == len(images)
    assert found.neighbours is not None
    assert found.neighbours.index.shape == (len(images), 4)
    page = write_report(result, tmp_path / "report", analysis=found).read_text(encoding="utf-8")
    assert "Why it answered so" in page
    assert "before the temperature" not in page
    assert "published review" not in page


def test_a_network_without_feature_maps_and_filters_is_reported(mnist: Splits, tmp_path: Path) -> None:
    weights = [np.random.default_rng(0).normal(0, 0.1, (10, 196)).astype(np.float32)]
    predictor = Predictor(save_perceptron(tmp_path / "model.onnx", weights, mnist.test.classes, pooled=True))
    result = evaluate(predictor, mnist.test.select(slice(0, 5)), name="few")
    found = analyse(result, predictor)
    assert found.feature_maps == ()
    assert found.filters is None
    page = write_report(result, tmp_path / "report", analysis=found).read_text(encoding="utf-8")
    assert "The weights of the first layer" not in page


# The evaluation


def test_the_error_before_the_temperature_is_that_of_the_plain_logits(small_run: Run, mnist: Splits) -> None:
    import torch

    split = mnist.test.select(slice(0, 1000))
    predictor = Predictor(small_run.folder)
    result = evaluate(predictor, split, name="some")
    trained = load_trained(small_run)
    assert predictor.manifest is not None
    assert result.temperature == pytest.approx(trained.temperature, abs=1e-4)
    assert result.uncalibrated is not None
    with torch.no_grad():
        frames = torch.tensor(predictor.run(split.images).frames)
        plain = torch.softmax(trained.network(frames), 1).numpy()
    expected = reliability(plain.max(1), plain.argmax(1) == split.labels)
    np.testing.assert_allclose(result.uncalibrated.confidence, expected.confidence, atol=2e-3)
    assert result.uncalibrated.expected_calibration_error == pytest.approx(
        expected.expected_calibration_error, abs=2e-3
    )
    assert replace(result, temperature=1.0).uncalibrated.expected_calibration_error == pytest.approx(
        result.reliability.expected_calibration_error, abs=1e-6
    )


def test_rejected_labels_stand_aside_in_a_second_accuracy(predictor: Predictor, mnist: Splits) -> None:
    rejected = rejected_labels("mnist", "test")
    assert len(set(rejected.tolist())) == 15
    result = evaluate(predictor, mnist.test, name="MNIST", rejected=rejected)
    kept = [index for index in range(10_000) if index not in set(rejected.tolist())]
    assert len(kept) == 9_985
    assert result.accuracy_without_rejected == pytest.approx(result.correct[kept].mean())
    assert result.accuracy_without_rejected > result.accuracy  # it answers some of them as the review did
    assert result.to_dict()["rejected_labels"] == rejected.tolist()
    plain = evaluate(predictor, mnist.test.select(slice(0, 10)), name="MNIST")
    assert plain.accuracy_without_rejected is None
    assert "accuracy_without_rejected_labels" not in plain.summary()


def test_rejected_labels_are_found_again_among_all_pictures(mnist: Splits, tmp_path: Path) -> None:
    everything = load_evaluation_split("mnist", "all", divided=True)
    in_all, in_test = rejected_labels("mnist", "all"), rejected_labels("mnist", "test")
    np.testing.assert_array_equal(everything.images[in_all], mnist.test.images[in_test])
    np.testing.assert_array_equal(everything.labels[in_all], mnist.test.labels[in_test])
    assert len(rejected_labels("mnist", "validation")) == 0
    assert len(rejected_labels(str(tmp_path / "mnist"), "test")) == 0


def test_the_command_goes_on_without_the_checkpoint(
    command_line: CommandLine, tmp_path: Path, small_run: Run, mnist: Splits
) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    run.mkdir()
    for name in ("model.onnx", "model.json"):
        (run / name).write_bytes((small_run.folder / name).read_bytes())
    settings = json.loads(small_run.settings_path.read_text())
    (run / "run.json").write_text(json.dumps({**settings, "data": str(data.resolve())}))
    for index in range(30):
        label = index % 10
        folder = data / ("train", "test")[index >= 20] / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        frame = mnist.test.images[mnist.test.labels == label][index]
        page = np.pad(255 - frame, index, constant_values=255)  # of many sizes
        Image.fromarray(page).save(folder / f"{index}.png")
    done = command_line("evaluate", "run", "--part", "all", "--picture", "3")
    assert done.returncode == 0, done.stderr.decode()
    assert b"the report has no integrated gradients" in done.stderr
    assert b"review" not in done.stdout
    assert b"no nearest training pictures" not in done.stderr
    metrics = json.loads((run / "all" / "metrics.json").read_text())
    assert metrics["summary"]["pictures"] == 30
    assert set(metrics["faithfulness"]) == {"occlusion", "random"}
    assert "picture 3," in (run / "all" / "report.html").read_text(encoding="utf-8")
    plain = command_line("evaluate", "run/model.onnx", "--data", "data", "--no-analysis", "--output", "plain")
    assert plain.returncode == 0, plain.stderr.decode()
    assert "robustness" not in json.loads((tmp_path / "plain" / "metrics.json").read_text())
