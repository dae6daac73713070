"""Corrections over HTTP: kept with consent, listed, shown, deleted, and exported as a data set."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from number_prediction.datasets.load import load_dataset
from number_prediction.digits.predictor import Predictor
from number_prediction.images.decode import to_page
from number_prediction.web.app import create_app
from tests.helpers.served import running
from tests.helpers.uploads import PICTURE, encode, png, seven

STROKES = [[[1.5, 2.0, 0.5], [3, 4, 1]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def server(predictor: Predictor, folder: Path) -> Iterator[httpx.Client]:
    with running(create_app(predictor, corrections=folder / "new" / "corrections.sqlite3")) as client:
        yield client


@pytest.fixture
def client(server: httpx.Client) -> httpx.Client:
    """Of a server without corrections."""
    assert server.delete("/api/corrections").status_code == 204
    return server


def correction(**changes: Any) -> dict[str, Any]:
    return {
        "picture": base64.b64encode(PICTURE).decode(),
        "strokes": STROKES,
        "prediction": {"label": 1, "probabilities": [0.1] * 10},
        "label": "7",
        "model_sha256": "0" * 64,
        "kept_with_consent": True,
    } | changes


def test_the_file_comes_with_the_first_correction(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "below" / "corrections.sqlite3"
    with running(create_app(predictor, corrections=path)) as client:
        assert client.get("/api/corrections").json() == {"corrections": [], "total": 0, "next": None}
        assert client.delete("/api/corrections").status_code == 204
        assert not path.parent.exists()
        assert client.post("/api/corrections", json=correction()).json() == {"id": 1}
        assert path.exists()


def test_a_correction_is_kept_over_a_restart(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "corrections.sqlite3"
    with running(create_app(predictor, corrections=path)) as client:
        assert client.post("/api/corrections", json=correction()).status_code == 201
    with running(create_app(predictor, corrections=path)) as client:
        assert client.get("/api/corrections").json()["total"] == 1
        assert client.get("/api/corrections/1/picture").content == PICTURE


def test_corrections_are_listed_part_by_part(client: httpx.Client) -> None:
    sent = [client.post("/api/corrections", json=correction(label=label)).json()["id"] for label in "01234"]
    first = client.get("/api/corrections", params={"limit": 3}).json()
    second = client.get("/api/corrections", params={"limit": 3, "after": first["next"]}).json()
    listed = [*first["corrections"], *second["corrections"]]
    assert [each["id"] for each in listed] == sent
    assert [each["label"] for each in listed] == list("01234")
    assert listed[0]["prediction"] == correction()["prediction"]
    assert (first["total"], second["next"]) == (5, None)


def test_one_is_deleted_and_then_all(client: httpx.Client) -> None:
    first, second = (client.post("/api/corrections", json=correction()).json()["id"] for _ in range(2))
    assert client.delete(f"/api/corrections/{first}").status_code == 204
    assert client.delete(f"/api/corrections/{first}").status_code == 404
    assert client.get(f"/api/corrections/{first}/picture").status_code == 404
    picture = client.get(f"/api/corrections/{second}/picture")
    assert (picture.headers["content-type"], picture.content) == ("image/png", PICTURE)
    assert client.delete("/api/corrections").status_code == 204
    assert client.get("/api/corrections").json()["total"] == 0


def test_the_export_is_a_data_set(client: httpx.Client, tmp_path: Path) -> None:
    for label in ["7", "7", "3", "none"] * 5:
        assert client.post("/api/corrections", json=correction(label=label)).status_code == 201
    answer = client.get("/api/corrections/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        lines = [json.loads(line) for line in archive.read("corrections.jsonl").splitlines()]
        archive.extractall(tmp_path / "data")
    splits = load_dataset(tmp_path / "data")
    parts = (splits.train, splits.validation, splits.test)
    assert splits.train.classes == ("3", "7", "none")
    assert sum(np.bincount(part.labels, minlength=3) for part in parts).tolist() == [5, 10, 5]
    np.testing.assert_array_equal(splits.test.images[0], to_page(PICTURE))
    assert (lines[0]["strokes"], lines[0]["label"]) == (STROKES, "7")
    assert (tmp_path / "data" / lines[0]["file"]).read_bytes() == PICTURE


@pytest.mark.parametrize(
    "changes",
    [
        {"kept_with_consent": False},
        {"kept_with_consent": 1},
        {"label": "10"},
        {"label": 7},
        {"label": ""},
        {"model_sha256": "0" * 63},
        {"prediction": [1]},
        {"prediction": {"a": "\ud800"}},
        {"prediction": {"a": "a" * 70_000}},
        {"strokes": "none"},
        {"strokes": [[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]},
        {"picture": ""},
        {"picture": "no base64!"},
        {"picture": base64.b64encode(encode(seven(), "JPEG")).decode()},
        {"picture": base64.b64encode(PICTURE[:100]).decode()},
        {"picture": base64.b64encode(png(30000, 30000, b"\0")).decode()},
        {"unknown": 1},
    ],
)
def test_a_wrong_correction_is_refused(changes: dict[str, Any], client: httpx.Client) -> None:
    body = json.dumps(correction(**changes))
    answer = client.post("/api/corrections", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/docs#invalid-value"
    assert client.get("/api/corrections").json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (json.dumps(correction(prediction={"a": float("nan")})).encode(), "application/json"),
        (json.dumps(correction()).encode(), "text/plain"),
        (json.dumps(correction()).encode("utf-16"), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, content_type: str, client: httpx.Client) -> None:
    answer = client.post("/api/corrections", content=body, headers={"content-type": content_type})
    assert answer.status_code in (400, 422), answer.text
    assert client.get("/api/corrections").json()["total"] == 0


def test_a_folder_that_cannot_be_written_is_said_and_not_a_crash(
    predictor: Predictor, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    with running(create_app(predictor, corrections=in_the_way / "corrections.sqlite3")) as client:
        answer = client.post("/api/corrections", json=correction())
        assert answer.status_code == 507
        assert answer.json()["type"] == "/docs#storage-failed"
        assert client.get("/api/corrections").json()["total"] == 0
