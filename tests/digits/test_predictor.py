"""Predictor: any picture, any mixture of sizes, in order, in bounded memory, without torch."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.split import Splits
from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ModelError


def test_the_packaged_model_reads_mnist(mnist: Splits, predictor: Predictor) -> None:
    answers = predictor.predict_digits(mnist.test.images[:2000])
    assert np.mean([answer.label for answer in answers] == mnist.test.labels[:2000]) > 0.99


def test_every_kind_of_input_gives_the_same_answer(
    mnist: Splits, predictor: Predictor, tmp_path: Path
) -> None:
    array = 255 - np.kron(mnist.test.images[0], np.ones((4, 4), np.uint8))
    picture = Image.fromarray(array)
    picture.save(tmp_path / "digit.png")
    content = (tmp_path / "digit.png").read_bytes()
    inputs = [
        array,
        np.dstack([array] * 3),
        array / 255,
        picture,
        picture.convert("RGBA"),
        str(tmp_path / "digit.png"),
        tmp_path / "digit.png",
        content,
        io.BytesIO(content),
    ]
    answers = predictor.predict_digits(inputs)
    assert {answer.label for answer in answers} == {int(mnist.test.labels[0])}
    for answer in answers:
        np.testing.assert_allclose(answer.probabilities, answers[0].probabilities, atol=1e-5)


def test_mixed_sizes_keep_their_order(mnist: Splits, predictor: Predictor) -> None:
    pages = [
        np.pad(image, 1 + index % 7)  # seven sizes, interleaved
        for index, image in enumerate(mnist.test.images[:300])
    ]
    together = predictor.predict_digits(pages)
    alone = [predictor.predict_digits([page])[0] for page in pages]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_it_abstains_unless_it_must_answer(mnist: Splits, predictor: Predictor) -> None:
    cross = np.full((60, 60), 255, np.uint8)
    cross[28:32, 8:52] = cross[8:52, 28:32] = 0
    pages = [cross, np.full((60, 60), 255, np.uint8), np.asarray(mnist.test.images)[0]]
    free, forced = predictor.predict_digits(pages), predictor.predict_digits(pages, must_answer=True)
    assert [each.label for each in free] == [None, None, int(mnist.test.labels[0])]
    assert [each.label for each in forced] == [int(each.probabilities.argmax()) for each in free]
    assert [each.is_digit for each in forced] == [each.is_digit for each in free]


def test_many_threads_share_a_predictor(mnist: Splits, predictor: Predictor) -> None:
    images = mnist.test.images[:400]
    expected = [answer.label for answer in predictor.predict_digits(images)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda image: predictor.predict_digits([image])[0].label, images))
    assert found == expected


def test_a_predictor_is_sent_with_its_model(mnist: Splits, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(Predictor().read_model())
    sent = pickle.dumps(Predictor(path, threads=1))
    path.unlink()
    arrived = pickle.loads(sent)
    assert (arrived.path, arrived.sha256, arrived.threads) == (path, Predictor().sha256, 1)
    found, expected = (each.run(mnist.test.images[:50]) for each in (arrived, Predictor()))
    assert np.array_equal(found.probabilities, expected.probabilities)
    middle = len(sent) // 2
    altered = sent[:middle] + bytes([sent[middle] ^ 1]) + sent[middle + 1 :]
    with pytest.raises(ModelError, match="changed on the way"):
        pickle.loads(altered)


def test_no_pictures_give_no_answers(predictor: Predictor) -> None:
    assert predictor.predict_digits([]) == []


def test_the_latest_run_is_found_by_its_name(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no finished run below runs"):
        Predictor("latest")
    for age, name in ((100, "newer"), (200, "older")):
        path = tmp_path / "runs" / name / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(predictor.read_model())
        os.utime(path, (time.time() - age, time.time() - age))
    assert Predictor("latest").path.parent.name == "newer"


def test_a_packaged_model_is_known_by_its_name(predictor: Predictor) -> None:
    assert Predictor.from_pretrained("digit").sha256 == predictor.sha256
    assert Predictor.from_pretrained(predictor.path).path == predictor.path
    with pytest.raises(ModelError, match="no such model"):
        Predictor.from_pretrained("nothing")


def test_errors_stand_in_the_place_of_their_pictures(mnist: Splits, predictor: Predictor) -> None:
    inputs = [mnist.test.images[0], b"no picture", mnist.test.images[1], Path("missing.png")]
    answers = list(predictor.iterate_digits(inputs))
    assert [isinstance(answer, DigitPrediction) for answer in answers] == [True, False, True, False]
    assert all(isinstance(answer, DigitPrediction | ImageError) for answer in answers)
    with pytest.raises(ImageError, match="not a picture"):
        predictor.predict_digits(inputs)


def test_a_prediction_in_words_and_numbers(mnist: Splits, predictor: Predictor) -> None:
    (answer,) = predictor.predict_digits(mnist.test.images[:1])
    assert answer.text == str(answer.label) == "7"
    assert answer.frame.shape == (28, 28)
    assert answer.frame.dtype == answer.probabilities.dtype == np.float32
    best = answer.top(3)
    assert best[0] == ("7", answer.confidence)
    assert [share for _, share in best] == sorted((share for _, share in best), reverse=True)
    values = answer.to_dict()
    assert values["label"] == 7
    assert len(values["probabilities"]) == 10


def test_reading_a_digit_loads_no_torch() -> None:
    program = (
        "import sys, numpy, number_prediction, number_prediction.cli\n"
        "from number_prediction import Predictor, evaluate, load_dataset, load_mnist\n"
        "Predictor().predict_digits([numpy.zeros((28, 28), numpy.uint8)])\n"
        "unwanted = {'torch', 'matplotlib', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not unwanted, unwanted\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_the_package_loads_nothing_large() -> None:
    program = (
        "import sys, number_prediction, number_prediction.cli\n"
        "unwanted = {'numpy', 'onnxruntime', 'PIL', 'rich'} & set(sys.modules)\n"
        "assert not unwanted, unwanted\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
