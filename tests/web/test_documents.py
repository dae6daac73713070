"""PDF and TIFF in requests: each page is answered, within limits, and one that is damaged loses no other."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.web import documents
from number_prediction.web.app import create_app
from number_prediction.web.limits import Limits
from tests.helpers.served import kind_of, running
from tests.helpers.uploads import FORM, HEADERS, PICTURE, form


@pytest.fixture(scope="module")
def client(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    app = create_app(
        predictor,
        numbers=NumberPredictor(threads=1),
        corrections=tmp_path_factory.mktemp("web") / "corrections.sqlite3",
        limits=Limits(max_pages=4),
    )
    with running(app) as client:
        yield client


@pytest.fixture(scope="module")
def pages() -> list[Image.Image]:
    """Three pages, each with one more digit than the one before."""
    digits = load_mnist().test.images
    rows = [255 - np.concatenate(list(digits[: count + 1]), 1) for count in range(3)]
    return [Image.fromarray(np.pad(row, 30, constant_values=255)) for row in rows]


def save(pages: list[Image.Image], file_format: str) -> bytes:
    stream = io.BytesIO()
    first, *others = (page.copy() for page in pages)
    first.save(stream, file_format, save_all=True, append_images=others)
    return stream.getvalue()


def post(client: httpx.Client, content: bytes, media_type: str, path: str = "/api/page") -> httpx.Response:
    return client.post(path, content=content, headers={"content-type": media_type})


@pytest.mark.parametrize(("file_format", "media_type"), [("PDF", "application/pdf"), ("TIFF", "image/tiff")])
def test_each_page_of_a_document_is_answered(
    file_format: str, media_type: str, client: httpx.Client, pages: list[Image.Image]
) -> None:
    answer = post(client, save(pages, file_format), media_type)
    assert answer.status_code == 200, answer.text
    found = answer.json()["pages"]
    assert [(each["picture"], each["page"]) for each in found] == [(1, 1), (1, 2), (1, 3)]
    assert all(each["numbers"] for each in found)


def test_documents_and_pictures_are_answered_in_order(client: httpx.Client, pages: list[Image.Image]) -> None:
    answer = post(client, form(PICTURE, save(pages[:2], "PDF"), PICTURE), FORM)
    found = answer.json()["pages"]
    assert [(each["picture"], each["page"]) for each in found] == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert found[0]["numbers"] == found[3]["numbers"]


def test_too_many_pages_are_refused(client: httpx.Client, pages: list[Image.Image]) -> None:
    answer = post(client, save(pages * 2, "PDF"), "application/pdf")
    assert (answer.status_code, kind_of(answer)) == (413, "too-many-pictures")
    assert "4 pages" in answer.json()["detail"]


def test_pages_that_are_too_large_together_are_refused(
    client: httpx.Client, pages: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_PIXELS_IN_PICTURES", 0)
    answer = post(client, save(pages, "PDF"), "application/pdf")
    assert (answer.status_code, kind_of(answer)) == (413, "picture-too-large")


def test_a_damaged_page_loses_no_other(client: httpx.Client, pages: list[Image.Image]) -> None:
    """The strips of the second page lie beyond the end of the file."""
    whole = save([pages[2], pages[0]], "TIFF")
    answer = post(client, whole[:-400], "image/tiff")
    found = answer.json()["pages"]
    assert found[0]["numbers"]
    assert "page 2" in found[1]["error"]


def test_a_document_that_cannot_be_opened_is_a_problem(client: httpx.Client) -> None:
    answer = post(client, b"%PDF-1.7\n", "application/pdf")
    assert (answer.status_code, kind_of(answer)) == (422, "damaged-picture")
    assert answer.json()["picture"] == 1


@pytest.mark.parametrize("path", ["/api/digits", "/api/number"])
def test_lines_and_digits_come_in_pictures_alone(
    path: str, client: httpx.Client, pages: list[Image.Image]
) -> None:
    answer = post(client, save(pages, "PDF"), "application/pdf", path)
    assert (answer.status_code, kind_of(answer)) == (415, "unsupported-media-type")
    assert client.post(path, content=PICTURE, headers=HEADERS).status_code == 200
