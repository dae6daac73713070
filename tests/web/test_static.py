"""The files of the page: media types, and paths without a file."""

from __future__ import annotations

import logging
import mimetypes
import re
from pathlib import Path

import httpx
import pytest

from number_prediction.digits.predictor import Predictor
from number_prediction.images.encoded import MAX_BYTES
from number_prediction.images.formats import FORMATS
from number_prediction.images.pixels import MAX_PIXELS
from number_prediction.web.app import create_app
from number_prediction.web.static import PAGE
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


def test_the_error_about_other_files_names_the_formats_that_browsers_decode() -> None:
    texts = re.findall(r'"error.picture.none": "(.*)"', (PAGE / "strings.js").read_text(encoding="utf-8"))
    assert len(texts) == 2  # English and German
    for text in texts:
        named = re.findall("|".join(each.name for each in FORMATS), text)
        assert named == [each.name for each in FORMATS if each.in_browsers]


def test_the_page_has_the_limits_of_python() -> None:
    script = (PAGE / "reader" / "picture.js").read_text(encoding="utf-8")
    assert f"MAX_PIXELS = {MAX_PIXELS:_};" in script
    assert f"MAX_BYTES = {MAX_BYTES // 2**20} * 2 ** 20;" in script
