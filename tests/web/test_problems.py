"""Errors are answered with problem details."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from number_prediction.digits.prediction import DigitPrediction
from number_prediction.errors import ImageError, ModelError
from number_prediction.models.model import Pictures
from number_prediction.web.app import create_app
from tests.helpers.served import GatedPredictor, kind_of, running
from tests.helpers.uploads import HEADERS, PICTURE


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/api/digits", "POST"), ("DELETE", "/healthz", "GET"), ("PUT", "/api/model", "GET")],
)
def test_a_wrong_method_is_said_with_the_right_ones(
    method: str, path: str, allowed: str, client: httpx.Client
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, kind_of(answer)) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allowed


def test_an_error_of_the_server_is_a_problem_too_and_it_goes_on(tmp_path: Path) -> None:
    class Broken(GatedPredictor):
        def iterate_digits(
            self, images: Pictures, *, explain: bool = False, must_answer: bool = False
        ) -> Iterator[DigitPrediction | ImageError]:
            if not self.gate.is_set():
                raise ModelError("secret")
            return super().iterate_digits(images, explain=explain, must_answer=must_answer)

    broken = Broken()
    with running(create_app(broken, corrections=tmp_path / "c")) as client:
        broken.gate.clear()
        answer = client.post("/api/digits", content=PICTURE, headers=HEADERS)
        assert (answer.status_code, kind_of(answer)) == (500, "internal-error")
        assert "secret" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        broken.gate.set()
        assert client.post("/api/digits", content=PICTURE, headers=HEADERS).status_code == 200
