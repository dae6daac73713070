"""The routes: reading digits and numbers, and describing the models."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.numbers.page import predict_page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.web.app import create_app
from tests.helpers.served import kind_of, running
from tests.helpers.uploads import HEADERS, PICTURE, encode


def test_the_model_is_described_and_handed_out(client: httpx.Client, predictor: Predictor) -> None:
    facts = client.get("/api/model").json()
    assert facts["classes"] == list("0123456789")
    assert (facts["sha256"], facts["engine"]) == (predictor.sha256, "server")
    assert facts["is_digit_threshold"] == predictor.threshold
    model = client.get("/models/digit.onnx")
    assert model.content == predictor.read_model()
    again = client.get("/models/digit.onnx", headers={"if-none-match": model.headers["etag"]})
    assert predictor.sha256 in model.headers["etag"]
    assert (again.status_code, again.content) == (304, b"")


def test_what_the_model_saw_is_told_on_request(client: httpx.Client, predictor: Predictor) -> None:
    plain = client.post("/api/digits", content=PICTURE, headers=HEADERS).json()["predictions"][0]
    told = client.post("/api/digits?explain=true", content=PICTURE, headers=HEADERS).json()["predictions"][0]
    (seen,) = predictor.predict_digits([PICTURE], explain=True)
    assert seen.ink is not None
    assert {**told, "frame": None, "ink": None} == {**plain, "frame": None, "ink": None}
    np.testing.assert_allclose(told["frame"], seen.frame, atol=1e-3)
    assert np.shape(told["ink"]) == seen.ink.shape


def test_a_server_without_a_model_for_numbers_has_no_such_routes(client: httpx.Client) -> None:
    assert list(client.get("/api/model").json()["models"]) == ["digit"]
    for path in ("/api/number", "/api/page", "/api/form", "/api/nothing"):
        answer = client.post(path, content=PICTURE, headers=HEADERS)
        assert (answer.status_code, kind_of(answer)) == (404, "not-found")
        assert ("--form TEMPLATE.json" in answer.json()["detail"]) == (path == "/api/form")


def test_numbers_of_lines_and_pages_are_those_of_python(predictor: Predictor, tmp_path: Path) -> None:
    numbers = NumberPredictor(threads=1)
    digits = load_mnist().test.images[:3]
    page = np.pad(255 - np.concatenate(list(digits), 1), 40, constant_values=255)
    picture = encode(Image.fromarray(page))
    (line,) = numbers.predict_numbers([picture])
    found = predict_page(picture, read=numbers.read_lines).to_dict()
    app = create_app(predictor, numbers=numbers, corrections=tmp_path / "corrections.sqlite3")
    with running(app) as client:
        assert list(client.get("/api/model").json()["models"]) == ["digit", "number"]
        (answer,) = client.post("/api/number", content=picture, headers=HEADERS).json()["predictions"]
        (sheet,) = client.post("/api/page", content=picture, headers=HEADERS).json()["pages"]
    assert line.text
    assert (answer["text"], answer["confidence"]) == (line.text, round(line.confidence, 4))
    assert answer["glyphs"] == line.to_dict()["glyphs"]
    assert [number["text"] for number in sheet["numbers"]] == [number["text"] for number in found["numbers"]]


def test_unknown_query_parameters_are_refused(client: httpx.Client) -> None:
    answer = client.post("/api/digits?explian=true", content=PICTURE, headers=HEADERS)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "unknown query parameter 'explian'; this service takes explain"
    assert answer.json()["errors"] == [{"where": "query.explian", "message": "unknown parameter"}]
