"""The files of the page: media types, and paths without a file."""

from __future__ import annotations

import logging
import mimetypes
from pathlib import Path

import httpx
import pytest

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from tests.helpers.served import kind_of


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/app.mjs", "text/javascript"),
        ("/app.js", "text/javascript"),
        ("/look.css", "text/css"),
        ("/engine.wasm", "application/wasm"),
        ("/app.webmanifest", "application/manifest+json"),
    ],
)
def test_the_page_is_served_with_the_right_types(path: str, media_type: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type


@pytest.mark.parametrize(
    "path", ["/nothing", "/..%2f..%2fetc%2fpasswd", "/%00", "/" + "a" * 5000, "/deeper", "/api/digit", "/%ff"]
)
def test_what_is_not_there_is_not_found(path: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert (answer.status_code, kind_of(answer)) == (404, "not-found")


def test_media_types_are_right_whatever_the_machine_says(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mimetypes.types_map, ".js", "text/plain")  # as some Windows registries say
    monkeypatch.setitem(mimetypes._db.types_map[True], ".js", "text/plain")  # type: ignore[attr-defined]
    assert mimetypes.guess_type("app.js")[0] == "text/plain"
    answer = client.get("/app.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    unchanged = client.get("/app.js", headers={"if-none-match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_an_app_leaves_the_process_as_it_was(predictor: Predictor, tmp_path: Path) -> None:
    before = dict(mimetypes.types_map), logging.getLogger().handlers[:]
    create_app(predictor, corrections=tmp_path / "c", page=tmp_path)
    assert (dict(mimetypes.types_map), logging.getLogger().handlers[:]) == before
