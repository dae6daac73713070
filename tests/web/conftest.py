"""A running server, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from tests.helpers.served import running


@pytest.fixture(scope="module")
def client(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server with a page."""
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html><title>page</title>")
    for name in ("app.mjs", "app.js", "look.css", "engine.wasm", "app.webmanifest"):
        (page / name).write_text("x")
    (page / "deeper").mkdir()
    corrections = tmp_path_factory.mktemp("web") / "corrections.sqlite3"
    with running(create_app(predictor, corrections=corrections, page=page)) as client:
        yield client
