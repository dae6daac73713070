"""Constraints in query parameters: they are those of Python, and no request keeps the server busy."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from number_prediction.constraints.constraint import Constraint, length, one_of, regex
from number_prediction.constraints.spec import SPEC_KEYS
from number_prediction.constraints.values import number_range
from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.web.app import create_app
from number_prediction.web.constrained import MAX_PATTERN_SECONDS, MAX_TEXTS, parameters, parse_query
from number_prediction.web.problems import Problem
from tests.helpers.served import kind_of, running
from tests.helpers.uploads import HEADERS, PICTURE, encode


@pytest.fixture(scope="module")
def numbers() -> NumberPredictor:
    return NumberPredictor(threads=1)


@pytest.fixture(scope="module")
def picture() -> bytes:
    """Three digits in a row."""
    digits = load_mnist().test.images[:3]
    return encode(Image.fromarray(np.pad(255 - np.concatenate(list(digits), 1), 40, constant_values=255)))


@pytest.fixture(scope="module")
def client(
    predictor: Predictor, numbers: NumberPredictor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    corrections = tmp_path_factory.mktemp("web") / "corrections.sqlite3"
    with running(create_app(predictor, numbers=numbers, corrections=corrections)) as client:
        yield client


@pytest.mark.parametrize(
    ("query", "constraint"),
    [
        ({"digits": "2"}, length(2)),
        ({"digits": "1:2", "signs": "."}, length(1, 2, signs=".")),
        ({"between": "0:99", "decimals": "1"}, number_range(0, 99, places=1, leading_zeros=True)),
        ({"regex": "[1-3]{3}"}, regex("[1-3]{3}")),
        ({"one_of": "45,711,12"}, one_of(["45", "711", "12"])),
    ],
)
def test_a_constrained_number_is_that_of_python(
    query: dict[str, str],
    constraint: Constraint,
    client: httpx.Client,
    numbers: NumberPredictor,
    picture: bytes,
) -> None:
    (expected,) = numbers.predict_numbers([picture], constraint)
    answer = client.post("/api/number", params=query, content=picture, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["predictions"]
    assert found["text"] == expected.text
    assert found["confidence"] == pytest.approx(expected.confidence, abs=1e-4)
    page = client.post("/api/page", params=query, content=picture, headers=HEADERS).json()["pages"][0]
    assert all(each["text"] is None or constraint.allows(each["text"]) for each in page["numbers"])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"digits": "many"}, "query.digits"),
        ({"digits": "1000000000"}, "query.digits"),
        ({"between": "7"}, "query.between"),
        ({"signs": "."}, "query.signs"),
        ({"regex": "("}, "query"),
        ({"regex": "x" * 201}, "query.regex"),
        ({"one_of": ",".join(["1"] * (MAX_TEXTS + 1))}, "query.one_of"),
        ({"digits": "2", "one_of": "123"}, "query"),
        ({"explain": "perhaps"}, "query.explain"),
    ],
)
def test_values_without_meaning_and_above_the_limits_are_refused(
    query: dict[str, str], named: str, client: httpx.Client, picture: bytes
) -> None:
    path = "/api/digits" if "explain" in query else "/api/number"
    answer = client.post(path, params=query, content=picture, headers=HEADERS)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid-value")
    assert answer.json()["detail"].startswith(named)


def test_a_regular_expression_of_endless_states_is_refused_in_time(
    client: httpx.Client, picture: bytes
) -> None:
    begun = time.monotonic()
    query = {"regex": "[01]*1[01]{24}"}
    answer = client.post("/api/number", params=query, content=picture, headers=HEADERS)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid-value")
    assert "query.regex" in answer.json()["detail"]
    assert time.monotonic() - begun < 2 * MAX_PATTERN_SECONDS


def test_digits_take_no_constraints(client: httpx.Client) -> None:
    answer = client.post("/api/digits?digits=2", content=PICTURE, headers=HEADERS)
    assert answer.json()["detail"] == "unknown query parameter 'digits'; this service takes explain"


def test_every_parameter_is_documented(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    described = document["paths"]["/api/page"]["post"]["parameters"]
    assert {each["name"] for each in described} == set(parameters())
    assert all(each["description"].endswith(".") for each in described)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(parameters())), st.text(max_size=60), max_size=3))
def test_any_query_gives_constraints_or_a_problem(query: dict[str, str]) -> None:
    try:
        spec = parse_query(query)
    except Problem as problem:
        refused = problem
    else:
        assert set(spec) <= set(SPEC_KEYS)
        return
    assert refused.detail.startswith("query.")


def test_pictures_are_read_from_data_urls(client: httpx.Client, picture: bytes) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    answer = client.post("/api/number", json={"pictures": [url, url]})
    plain = client.post("/api/number", content=picture, headers=HEADERS).json()["predictions"][0]
    assert answer.json()["predictions"] == [plain, plain]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"pictures": "data:image/png;base64,AA=="}', 422),
        (b'{"pictures": ["data:text/html;base64,AA=="]}', 422),
        (b'{"pictures": ["data:image/png;base64,\xc3\xa4"]}', 422),
        (b'{"pictures": ["data:image/png;base64,A"]}', 422),
        (b'{"pictures": []}', 400),
        (b'{"pictures": ["data:image/png;base64,AAAA"]}', 415),
    ],
)
def test_other_json_is_refused(body: bytes, status: int, client: httpx.Client) -> None:
    answer = client.post("/api/number", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
