"""The routes of corrections: keep, list, look at, delete, export."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from number_prediction.errors import ImageError
from number_prediction.images.decode import to_page
from number_prediction.web.corrections.store import Corrections, StorageError
from number_prediction.web.problems import Problem, documented

MAX_PICTURE_BYTES = 3 * 2**20
"""Of the PNG of a correction."""
MAX_PICTURE_PIXELS = 4_000_000
MAX_STROKES_BYTES = 2**20
"""As JSON."""
MAX_PREDICTION_BYTES = 2**16
"""As JSON."""
MAX_LEVELS = 20
"""Of lists and objects in one another."""
_MAX_ID = 2**63 - 1
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_BYTES = 2**16


def _plain_json(max_bytes: int) -> AfterValidator:
    """Refuse what JSON cannot hold (NaN, halves of surrogates), what is too long and what is too deep."""

    def check(value: Any) -> Any:
        if _is_deeper(value, MAX_LEVELS):
            raise ValueError(f"deeper than {MAX_LEVELS} levels")
        if len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) > max_bytes:
            raise ValueError(f"longer than {max_bytes:,} bytes")
        return value

    return AfterValidator(check)


def _is_deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _is_deeper(each, levels - 1) for each in inside)


def _require_consent(is_given: bool) -> bool:
    if not is_given:
        raise ValueError("a correction is kept only with the consent of who made it")
    return is_given


class CorrectionRequest(BaseModel):
    """A picture, what was said of it, and what is right."""

    model_config = ConfigDict(extra="forbid", strict=True)

    picture: str = Field(
        min_length=1,
        max_length=4 * MAX_PICTURE_BYTES // 3 + 4,
        description="A PNG in base64",
        json_schema_extra={"format": "png-base64"},
    )
    strokes: Annotated[list[Any] | None, _plain_json(MAX_STROKES_BYTES)] = Field(
        None, description="How it was drawn, as the page holds it"
    )
    prediction: Annotated[dict[str, Any], _plain_json(MAX_PREDICTION_BYTES)] = Field(
        description="What the model had said, as the page got it"
    )
    label: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "none"]
    model_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    kept_with_consent: Annotated[bool, AfterValidator(_require_consent)] = Field(
        description="Nothing is kept unasked", json_schema_extra={"const": True}
    )


class CorrectionId(BaseModel):
    """A correction that was kept."""

    id: int


class CorrectionEntry(BaseModel):
    """A correction in the list."""

    id: int
    time: datetime
    label: str
    model_sha256: str
    prediction: dict[str, Any]


class CorrectionList(BaseModel):
    """A part of the corrections, by id."""

    corrections: list[CorrectionEntry]
    total: int = Field(description="Of all corrections")
    next: int | None = Field(
        description="What to give as `after` for the next part; null where there is none"
    )


NumberPath = Annotated[int, Path(ge=1, le=_MAX_ID, description="Id of a correction")]


def correction_routes(corrections: Corrections) -> APIRouter:
    """The routes, over one store."""
    router = APIRouter(prefix="/api/corrections", tags=["corrections"])

    @router.post(
        "",
        status_code=201,
        responses=documented("bad-request", "body-too-large", "invalid-value", "storage-failed"),
    )
    def keep_correction(correction: CorrectionRequest) -> CorrectionId:
        """Keep a correction, with the consent of who made it."""
        number = _store(corrections, correction, _decode_png(correction.picture))
        return CorrectionId(id=number)

    @router.get("", responses=documented("invalid-value"))
    def list_corrections(
        after: Annotated[int, Query(ge=0, le=_MAX_ID, description="Only ids above this one")] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> CorrectionList:
        """List corrections, the oldest first."""
        found = corrections.entries(after=after, limit=limit + 1)
        shown = found[:limit]
        return CorrectionList(
            corrections=[CorrectionEntry(**vars(each)) for each in shown],
            total=corrections.count(),
            next=shown[-1].id if len(found) > limit else None,
        )

    @router.delete("", status_code=204)
    def delete_corrections() -> None:
        """Delete all corrections."""
        corrections.delete_all()

    @router.get(
        "/export",
        response_class=Response,
        responses={200: {"content": {"application/zip": {"schema": _BINARY}}}},
    )
    def export_corrections() -> Response:
        """All corrections as a ZIP: a folder of PNG a label, as `train` reads it, and a list of them."""

        def chunks() -> Iterator[bytes]:
            with corrections.export() as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    yield chunk

        name = 'attachment; filename="corrections.zip"'
        return StreamingResponse(
            chunks(), media_type="application/zip", headers={"Content-Disposition": name}
        )

    @router.get(
        "/{number}/picture",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {"schema": _BINARY}}},
            **documented("not-found", "invalid-value"),
        },
    )
    def show_picture(number: NumberPath) -> Response:
        """The picture of a correction."""
        picture = corrections.picture(number)
        if picture is None:
            raise _missing(number)
        return Response(picture, media_type="image/png")

    @router.delete("/{number}", status_code=204, responses=documented("not-found", "invalid-value"))
    def delete_correction(number: NumberPath) -> None:
        """Delete one correction."""
        if not corrections.delete(number):
            raise _missing(number)

    return router


_BINARY = {"type": "string", "format": "binary"}


def _decode_png(text: str) -> bytes:
    try:
        picture = base64.b64decode(text, validate=True)
        if not picture.startswith(_PNG_SIGNATURE):
            raise ValueError("not a PNG")
        to_page(picture, max_bytes=MAX_PICTURE_BYTES, max_pixels=MAX_PICTURE_PIXELS)
    except (ValueError, binascii.Error, ImageError) as error:
        raise Problem("invalid-value", f"body.picture: {error}; send a PNG in base64") from error
    return picture


def _store(corrections: Corrections, correction: CorrectionRequest, picture: bytes) -> int:
    try:
        return corrections.add(
            picture,
            label=correction.label,
            model_sha256=correction.model_sha256,
            prediction=correction.prediction,
            strokes=correction.strokes,
        )
    except StorageError as error:
        raise Problem(
            "storage-failed", f"{error}; export and delete corrections, or free the disk"
        ) from error


def _missing(number: int) -> Problem:
    return Problem("not-found", f"no correction has the id {number}")
