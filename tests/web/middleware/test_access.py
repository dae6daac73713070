"""Access rules: host names, origins, the token, and the headers that restrict browsers."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from number_prediction.web.middleware.access import Access, is_loopback
from tests.helpers.served import kind_of, running
from tests.helpers.uploads import HEADERS, PICTURE


@pytest.mark.parametrize("path", ["/", "/api/model", "/nothing", "/docs", "/api/corrections"])
def test_every_answer_tells_browsers_to_run_nothing_else(path: str, client: httpx.Client) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1", "localhost."])
def test_names_of_loopback_are_answered(host: str, client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "192.168.0.1", "[::2]", "", "["])
def test_other_names_are_not(host: str, client: httpx.Client) -> None:
    answer = client.get("/", headers={"host": host})
    assert (answer.status_code, kind_of(answer)) == (421, "unknown-host")


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", "http://localhost:1", "http://[", "file://"]
)
def test_pages_of_other_origins_may_do_nothing(origin: str, client: httpx.Client) -> None:
    answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, "origin": origin})
    assert (answer.status_code, kind_of(answer)) == (403, "foreign-origin")


def test_the_own_page_may(client: httpx.Client) -> None:
    origin = str(client.base_url)
    answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, "origin": origin})
    assert answer.status_code == 200


def test_an_allowed_origin_may_and_its_browser_is_told(predictor: Predictor, tmp_path: Path) -> None:
    access = Access(origins=("https://example.org",))
    with running(create_app(predictor, corrections=tmp_path / "c", access=access)) as client:
        origin = {"origin": "https://example.org"}
        asked = {**origin, "access-control-request-method": "POST"}
        preflight = client.options("/api/digits", headers=asked)
        answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, **origin})
        foreign = client.options("/api/digits", headers={**asked, "origin": "https://example.com"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == origin["origin"]
        assert "Origin" in each.headers["vary"]
    assert answer.status_code == 200
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers


def test_the_api_needs_the_token_and_the_probes_do_not(predictor: Predictor, tmp_path: Path) -> None:
    with running(
        create_app(predictor, corrections=tmp_path / "c", access=Access(token="ö secret"))
    ) as client:
        right = {"authorization": "Bearer ö secret".encode()}
        for path in ("/api/model", "/models/digit.onnx", "/metrics", "/api/corrections"):
            for headers in ({}, {"authorization": "Bearer"}, {"authorization": "Basic ö secret".encode()}):
                answer = client.get(path, headers=headers)
                assert (answer.status_code, kind_of(answer)) == (401, "unauthorized")
                assert answer.headers["www-authenticate"] == "Bearer"
            assert client.get(path, headers=right).status_code == 200
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.9", True), ("::1", True), ("0.0.0.0", False), ("x", False)]
)
def test_loopback_is_told_by_address_and_name(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
