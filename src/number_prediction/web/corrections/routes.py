"""The routes of corrections: add, list, show, export and delete."""

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
from number_prediction.web.corrections.store import CorrectionStore, StorageError
from number_prediction.web.documentation import BINARY
from number_prediction.web.limits import Limits
from number_prediction.web.problems import Problem, ValueProblem, documented

MAX_JSON_LEVELS = 20
"""Depth of nested lists and objects in strokes and prediction."""
_MAX_ID = 2**63 - 1  # SQLite's largest integer
_MAX_LISTED = 500
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_BYTES = 2**16


def _require_plain_json(value: Any) -> Any:
    """Refuse values that are nested too deeply, and values that JSON cannot hold: NaN and lone surrogates."""
    if _is_deeper(value, MAX_JSON_LEVELS):
        raise ValueError(f"nested deeper than {MAX_JSON_LEVELS} levels")
    _json_size(value)
    return value


def _json_size(value: Any) -> int:
    return len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())


def _is_deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _is_deeper(child, levels - 1) for child in children)


def _require_consent(is_given: bool) -> bool:
    if not is_given:
        raise ValueError("a correction is kept only with consent; ask the person, then send true")
    return is_given


PlainJson = AfterValidator(_require_plain_json)


class CorrectionRequest(BaseModel):
    """A picture, the model's prediction and the right label."""

    model_config = ConfigDict(extra="forbid", strict=True)

    picture: str = Field(
        min_length=1, description="PNG in base64", json_schema_extra={"format": "png-base64"}
    )
    strokes: Annotated[list[Any] | None, PlainJson] = Field(
        None, description="Pen strokes, if the picture was drawn on the page"
    )
    prediction: Annotated[dict[str, Any], PlainJson] = Field(
        description="Answer of the model that is corrected"
    )
    label: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "none"] = Field(
        description='The right digit, or "none" for a picture without a digit'
    )
    model_sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the model file that gave the prediction"
    )
    kept_with_consent: Annotated[bool, AfterValidator(_require_consent)] = Field(
        description="Must be true: the person agreed to keep the picture", json_schema_extra={"const": True}
    )


class CorrectionId(BaseModel):
    """The id of a new correction."""

    id: int


class CorrectionEntry(BaseModel):
    """A correction in the list, without its picture."""

    id: int
    time: datetime
    label: str
    model_sha256: str
    prediction: dict[str, Any]


class CorrectionList(BaseModel):
    """Part of the corrections, ordered by id."""

    corrections: list[CorrectionEntry]
    total: int = Field(description="Number of all corrections")
    next: int | None = Field(description="Value of `after` for the next part; null after the last one")


CorrectionIdPath = Annotated[int, Path(ge=1, le=_MAX_ID, description="Id of a correction")]


def correction_routes(store: CorrectionStore, limits: Limits) -> APIRouter:
    """Return the routes over one store."""
    router = APIRouter(prefix="/api/corrections", tags=["corrections"])
    _add_writing_routes(router, store, limits)
    _add_reading_routes(router, store)
    return router


def _add_writing_routes(router: APIRouter, store: CorrectionStore, limits: Limits) -> None:
    @router.post(
        "",
        status_code=201,
        responses=documented("bad-request", "body-too-large", "invalid-value", "storage-failed"),
    )
    def keep_correction(correction: CorrectionRequest) -> CorrectionId:
        """Keep a correction. The person who made it must have agreed."""
        picture = _decode_png(correction.picture, limits)
        _check_size("strokes", correction.strokes, limits.max_strokes_bytes)
        _check_size("prediction", correction.prediction, limits.max_prediction_bytes)
        return CorrectionId(id=_add(store, correction, picture))

    @router.delete("", status_code=204)
    def delete_corrections() -> None:
        """Delete all corrections."""
        store.delete_all()

    @router.delete("/{number}", status_code=204, responses=documented("not-found", "invalid-value"))
    def delete_correction(number: CorrectionIdPath) -> None:
        """Delete one correction."""
        if not store.delete(number):
            raise _no_such_correction(number)


def _add_reading_routes(router: APIRouter, store: CorrectionStore) -> None:
    @router.get("", responses=documented("invalid-value"))
    def list_corrections(
        after: Annotated[int, Query(ge=0, le=_MAX_ID, description="List only ids above this one")] = 0,
        limit: Annotated[int, Query(ge=1, le=_MAX_LISTED, description="Largest number of entries")] = 50,
    ) -> CorrectionList:
        """List corrections, oldest first."""
        found = store.entries(after=after, limit=limit + 1)
        shown = found[:limit]
        return CorrectionList(
            corrections=[CorrectionEntry(**vars(each)) for each in shown],
            total=store.count(),
            next=shown[-1].id if len(found) > limit else None,
        )

    @router.get(
        "/export",
        response_class=Response,
        responses={200: {"content": {"application/zip": {"schema": BINARY}}}},
    )
    def export_corrections() -> Response:
        """Download all corrections as a ZIP: one folder of PNG files per label, and a list in JSON lines."""
        headers = {"Content-Disposition": 'attachment; filename="corrections.zip"'}
        return StreamingResponse(_export_chunks(store), media_type="application/zip", headers=headers)

    @router.get(
        "/{number}/picture",
        response_class=Response,
        responses={
            200: {"content": {"image/png": {"schema": BINARY}}},
            **documented("not-found", "invalid-value"),
        },
    )
    def show_picture(number: CorrectionIdPath) -> Response:
        """Download the picture of a correction."""
        picture = store.picture(number)
        if picture is None:
            raise _no_such_correction(number)
        return Response(picture, media_type="image/png")


def _export_chunks(store: CorrectionStore) -> Iterator[bytes]:
    with store.export() as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _decode_png(text: str, limits: Limits) -> bytes:
    try:
        picture = base64.b64decode(text, validate=True)
        if not picture.startswith(_PNG_SIGNATURE):
            raise ValueError("this is no PNG")
        to_page(picture, max_bytes=limits.max_correction_bytes, max_pixels=limits.max_correction_pixels)
    except (ValueError, binascii.Error, ImageError) as error:
        raise Problem("invalid-value", f"body.picture: {error}; send a PNG in base64") from error
    return picture


def _check_size(name: str, value: Any, max_bytes: int) -> None:
    if _json_size(value) > max_bytes:
        message = f"larger than {max_bytes:,} bytes as JSON; send less"
        where = f"body.{name}"
        errors = [ValueProblem(where=where, message=message)]
        raise Problem("invalid-value", f"{where}: {message}", errors=errors)


def _add(store: CorrectionStore, correction: CorrectionRequest, picture: bytes) -> int:
    try:
        return store.add(
            picture,
            label=correction.label,
            model_sha256=correction.model_sha256,
            prediction=correction.prediction,
            strokes=correction.strokes,
        )
    except StorageError as error:
        raise Problem(
            "storage-failed", f"{error}; export and delete corrections, or free disk space"
        ) from error


def _no_such_correction(number: int) -> Problem:
    return Problem("not-found", f"there is no correction {number}; list them with GET /api/corrections")
