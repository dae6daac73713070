"""What is sent to /api/digits: pictures are read, and whatever else comes is refused, never with a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from number_prediction.web.limits import Limits
from number_prediction.web.problems import MEDIA_TYPE, PROBLEMS, Problem
from number_prediction.web.uploads import find_pictures
from tests.helpers.served import connect, receive_all, running
from tests.helpers.uploads import FORM, PNG, encode, form, mutants, named_uploads, part, seven

EXAMPLES = Path(__file__).parents[2] / "examples"
UPLOADS = named_uploads()


@pytest.fixture(scope="module")
def client(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    app = create_app(predictor, corrections=tmp_path_factory.mktemp("web") / "corrections.sqlite3")
    with running(app) as client:
        yield client


def test_there_are_enough_malformed_uploads() -> None:
    assert len([upload for upload in UPLOADS.values() if upload.statuses != (200,)]) >= 60


@pytest.mark.parametrize("name", UPLOADS)
def test_a_named_upload_gets_the_right_status(name: str, client: httpx.Client) -> None:
    upload = UPLOADS[name]
    answer = client.post("/api/digits", content=upload.body, headers=upload.all_headers)
    assert answer.status_code in upload.statuses, answer.text
    if answer.status_code != 200:
        problem = answer.json()
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert problem["status"] == answer.status_code
        assert problem["type"].removeprefix("/docs#") in PROBLEMS
    assert client.get("/healthz").status_code == 200


def test_mutants_are_read_or_refused(client: httpx.Client) -> None:
    statuses = set()
    for upload in mutants(300, seed=1):
        answer = client.post("/api/digits", content=upload.body, headers=upload.all_headers)
        assert answer.status_code < 500, (upload, answer.text)
        statuses.add(answer.status_code)
    assert {200, 415, 422} <= statuses


def test_one_picture_as_the_body_and_many_in_a_form_are_answered_as_offline(
    client: httpx.Client, predictor: Predictor
) -> None:
    paths = [EXAMPLES / name for name in ("seven.png", "blank.png", "four.jpg", "three.png")]
    expected = [
        answer.to_dict() for answer in predictor.predict_digits([path.read_bytes() for path in paths])
    ]
    form_answer = client.post("/api/digits", files=[("picture", path.read_bytes()) for path in paths])
    single = client.post("/api/digits", content=paths[0].read_bytes(), headers={"content-type": "image/*"})
    answers = form_answer.json()["predictions"]
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in expected]
    for answer, offline in zip(
        [*answers, *single.json()["predictions"]], [*expected, expected[0]], strict=True
    ):
        assert answer.keys() == offline.keys()
        np.testing.assert_allclose(answer["probabilities"], offline["probabilities"], atol=1e-5)
        np.testing.assert_allclose(answer["is_digit"], offline["is_digit"], atol=1e-5)


def test_a_refused_picture_is_named_by_its_number(client: httpx.Client) -> None:
    good = encode(seven())
    answer = client.post("/api/digits", content=form(good, good, b"nothing"), headers={"content-type": FORM})
    assert answer.status_code == 415
    assert answer.json()["picture"] == 3


def test_a_head_of_100_kb_is_refused_and_the_server_goes_on(client: httpx.Client) -> None:
    with connect(client) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 100_000)
        assert receive_all(connection)[:13] in (b"", b"HTTP/1.1 400 ")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -1",
        "Content-Length: 5, 6",
        "Content-Length: 1e3",
        "Transfer-Encoding: gzip",
        "Content Length: 3",
        "\x00: 3",
    ],
)
def test_a_broken_head_is_refused(head: str, client: httpx.Client) -> None:
    with connect(client) as connection:
        lines = f"POST /api/digits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n\r\nabc"
        connection.sendall(lines.encode("latin-1"))
        status = receive_all(connection).split(b" ")[1]
    assert status[:1] == b"4"


def test_a_body_that_ends_before_its_length_changes_nothing(client: httpx.Client) -> None:
    with connect(client) as connection:
        connection.sendall(
            b"POST /api/digits HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
    assert client.get("/healthz").status_code == 200


def test_more_bytes_than_are_allowed_are_refused_by_their_length_and_by_their_count(
    predictor: Predictor, tmp_path: Path
) -> None:
    limits = Limits(max_request_bytes=10_000)
    with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:
        headers = {"content-type": PNG}
        declared = client.post("/api/digits", content=bytes(10_001), headers=headers)
        chunks = (bytes(1000) for _ in range(11))
        counted = client.post("/api/digits", content=chunks, headers=headers)
    for answer in (declared, counted):
        assert answer.status_code == 413
        assert answer.json()["type"] == "/docs#body-too-large"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.text(max_size=80), st.sampled_from(["", "identity", "gzip"]))
def test_any_body_and_content_type_give_pictures_or_a_problem(body: bytes, tail: str, encoding: str) -> None:
    for content_type in (tail, "multipart/form-data;" + tail, "image/" + tail):
        try:
            pictures = find_pictures(body, content_type, encoding, Limits())
        except Problem:
            continue
        assert pictures


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60).filter(lambda each: b"\r\n--cut" not in b"\r\n" + each), min_size=1))
def test_a_form_gives_back_what_was_put_into_it(contents: list[bytes]) -> None:
    assert find_pictures(form(*contents), FORM, "", Limits()) == contents


def test_a_preamble_and_an_epilogue_are_ignored() -> None:
    body = b"this is a form\r\n" + part(b"abc") + b"--cut--\r\nthe end"
    assert find_pictures(body, 'multipart/form-data; charset=utf-8; boundary="cut"', "", Limits()) == [b"abc"]
