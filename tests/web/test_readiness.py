"""The server is ready while its model is unchanged and reads a known picture."""

from __future__ import annotations

from pathlib import Path

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from tests.helpers.served import kind_of, running


def test_ready_means_that_the_file_is_whole_and_a_seven_is_read(predictor: Predictor, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(predictor.read_model())
    with running(create_app(Predictor(model), corrections=tmp_path / "c")) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
    app = create_app(Predictor(model), corrections=tmp_path / "c")
    model.write_bytes(b"something else")
    with running(app) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, kind_of(answer)) == (503, "not-ready")
        assert client.get("/healthz").status_code == 200
