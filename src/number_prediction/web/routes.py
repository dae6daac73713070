"""The routes of the API except corrections: reading, model, health, metrics and documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from number_prediction import __version__
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ImageTooLargeError, MissingExtraError, UnsupportedImageError
from number_prediction.images.decode import Page, to_page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.rows import Explained, Reader
from number_prediction.web import metrics
from number_prediction.web.constrained import parameters, parse_query
from number_prediction.web.documentation import BINARY, OPENAPI_PATH, describe, render_documentation
from number_prediction.web.documents import open_documents, unsupported
from number_prediction.web.limits import Limits
from number_prediction.web.middleware.access import PROTECTED
from number_prediction.web.problems import DOCUMENTATION, Problem, ValueProblem, documented
from number_prediction.web.queue import Answer, ReadingQueue, Sent
from number_prediction.web.readiness import Readiness
from number_prediction.web.schemas import Health, ModelFacts
from number_prediction.web.services import Service
from number_prediction.web.static import ONNX_MEDIA_TYPE
from number_prediction.web.uploads import (
    FIELD,
    FORM_TYPE,
    JSON_FIELD,
    JSON_TYPE,
    accepted_types,
    find_pictures,
)

ENGINE = "server"
"""Where the pictures are read; the offline app says "browser"."""
EXPLAIN_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_READING_PROBLEMS = (
    "bad-request",
    "malformed-multipart",
    "no-picture",
    "picture-too-large",
    "too-many-pictures",
    "unsupported-media-type",
    "damaged-picture",
    "invalid-value",
    "overloaded",
    "deadline",
)


def make_queue(limits: Limits, counters: metrics.Metrics, threads: int) -> ReadingQueue:
    """Start the threads that read, and count what they do."""
    queue = ReadingQueue(
        partial(_decode, limits=limits),
        capacity=limits.max_queued_pictures,
        threads=threads,
        on_batch=counters.count_batch,
    )
    counters.watch_queue(lambda: queue.waiting)
    return queue


def _decode(picture: Sent, *, limits: Limits) -> Page:
    try:
        return to_page(picture, max_bytes=limits.max_picture_bytes, max_pixels=limits.max_picture_pixels)
    except MissingExtraError as error:
        raise unsupported(error) from error


def add_service(app: FastAPI, path: str, service: Service, queue: ReadingQueue, limits: Limits) -> None:
    """Add a route that reads pictures."""

    @app.post(
        path,
        name=path.rpartition("/")[2],
        summary=service.summary,
        description=(
            f"{service.summary}. Send one picture as the body, one or more in the form field {FIELD!r}, or "
            'JSON with data URLs: {"pictures": ["data:image/png;base64,..."]}.'
        ),
        response_model=service.answer,
        responses=documented(*_READING_PROBLEMS),
        openapi_extra={
            "parameters": _describe_query(service),
            "requestBody": {"required": True, "content": _picture_content(service, limits)},
        },
    )
    async def read(request: Request) -> Response:
        _require_known(request, service)
        body = await request.body()
        headers = request.headers
        pictures = find_pictures(
            body,
            headers.get("content-type", ""),
            headers.get("content-encoding", ""),
            limits,
            takes_documents=service.takes_documents,
        )
        request.state.pictures = len(pictures)
        reader = await _choose_reader(request, service)
        if service.takes_documents:
            values = await _read_documents(pictures, reader, queue, limits)
        else:
            answers = await queue.read(pictures, reader, seconds=limits.max_answer_seconds)
            values = [_to_values(answer, number) for number, answer in enumerate(answers, 1)]
        return JSONResponse({service.key: values})


async def _read_documents(
    pictures: Sequence[bytes], reader: Reader, queue: ReadingQueue, limits: Limits
) -> list[dict[str, Any]]:
    """The values of each page of the files sent; a page of several that cannot be read has an error."""
    sent = await run_in_threadpool(open_documents, pictures, limits)
    counts = Counter(each.picture for each in sent)
    readable = [each.content for each in sent if not isinstance(each.content, ImageError)]
    read = iter(await queue.read(readable, reader, seconds=limits.max_answer_seconds) if readable else [])
    values = []
    for each in sent:
        answer = each.content if isinstance(each.content, ImageError) else next(read)
        place = {"picture": each.picture, "page": each.page}
        if isinstance(answer, ImageError) and counts[each.picture] > 1:
            values.append({**place, "error": str(answer)})
        else:
            values.append({**place, **_to_values(answer, each.picture)})
    return values


def _describe_query(service: Service) -> list[dict[str, Any]]:
    """The query parameters of a service, for the OpenAPI document."""
    described: dict[str, tuple[str, str]] = {}
    if service.explain is not None:
        described["explain"] = "boolean", "Add what the model saw."
    if service.constrain is not None:
        described |= {name: ("string", text) for name, text in parameters().items()}
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": kind}}
        for name, (kind, text) in described.items()
    ]


async def _choose_reader(request: Request, service: Service) -> Reader:
    """The reader that the query parameters of a request ask for."""
    explain = request.query_params.get("explain", "false").lower()
    if explain not in EXPLAIN_VALUES:
        raise Problem("invalid-value", f"query.explain: {explain!r}; send true or false")
    if EXPLAIN_VALUES[explain] and service.explain is not None:
        return service.explain
    spec = parse_query(request.query_params) if service.constrain is not None else {}
    if not spec or service.constrain is None:
        return service.read
    return await run_in_threadpool(service.constrain, spec)


def _require_known(request: Request, service: Service) -> None:
    """Raise Problem for query parameters that the service would ignore."""
    known = [each["name"] for each in _describe_query(service)]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        taken = f"this service takes {', '.join(known)}" if known else "this service takes none"
        raise Problem(
            "invalid-value",
            f"unknown query parameter {unknown[0]!r}; {taken}",
            errors=[
                ValueProblem(where=f"query.{name}", message="unknown parameter") for name in unknown[:10]
            ],
        )


def _picture_content(service: Service, limits: Limits) -> dict[str, Any]:
    """Describe the bodies that a service accepts, by media type, for the OpenAPI document."""

    def list_in(field: str, items: Mapping[str, str]) -> dict[str, Any]:
        pictures = {"type": "array", "items": items, "minItems": 1, "maxItems": limits.max_pictures}
        schema = {"type": "object", "properties": {field: pictures}, "required": [field]}
        return {"schema": {**schema, "additionalProperties": False}}

    urls = {"type": "string", "format": "uri", "description": "A picture as a data URL"}
    single = {each: {"schema": BINARY} for each in accepted_types(service.takes_documents)}
    return {**single, FORM_TYPE: list_in(FIELD, BINARY), JSON_TYPE: list_in(JSON_FIELD, urls)}


def _to_values(answer: Answer, number: int) -> dict[str, Any]:
    """Return the answer for one picture; raise Problem if it could not be read."""
    if isinstance(answer, Explained):
        return answer.values
    if not isinstance(answer, ImageError):
        return answer
    kind = "damaged-picture"
    if isinstance(answer, UnsupportedImageError):
        kind = "unsupported-media-type"
    elif isinstance(answer, ImageTooLargeError):
        kind = "picture-too-large"
    raise Problem(kind, str(answer), picture=number)


def add_model(app: FastAPI, predictor: Predictor, numbers: NumberPredictor | None) -> None:
    """Add the routes that describe the models and send the model file for digits."""
    models = {"digit": predictor.sha256, **({} if numbers is None else {"number": numbers.sha256})}
    facts = ModelFacts(
        classes=list(predictor.classes),
        sha256=predictor.sha256,
        is_digit_threshold=predictor.threshold,
        version=__version__,
        engine=ENGINE,
        models=models,
    )
    content = predictor.read_model()
    tag = f'"{predictor.sha256}"'
    headers = {"ETag": tag}

    @app.get("/api/model")
    def describe_model() -> ModelFacts:
        """Describe the models of the server."""
        return facts

    @app.get(
        "/models/digit.onnx",
        response_class=Response,
        responses={
            200: {"content": {ONNX_MEDIA_TYPE: {"schema": BINARY}}},
            304: {"description": "The file has not changed"},
        },
    )
    def fetch_model(
        if_none_match: Annotated[str, Header(description="ETag of the file that the client has")] = "",
    ) -> Response:
        """Download the model file for digits."""
        if tag in (each.strip().removeprefix("W/") for each in if_none_match.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=ONNX_MEDIA_TYPE)


def add_probes(app: FastAPI, readiness: Readiness, counters: metrics.Metrics) -> None:
    """Add the routes for a supervisor and for Prometheus."""

    @app.get("/healthz")
    async def check_health() -> Health:
        """Say that the server is running, without using the model."""
        return Health(status="ok")

    @app.get("/readyz", responses=documented("not-ready"))
    def check_readiness() -> Health:
        """Check that the model files are unchanged and a known picture is read correctly."""
        reason = readiness.find_reason()
        if reason is not None:
            raise Problem("not-ready", reason)
        return Health(status="ready")

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def show_metrics() -> Response:
        """Return the metrics in the text format of Prometheus."""
        return Response(counters.render(), media_type=metrics.MEDIA_TYPE)


def add_documentation(app: FastAPI, *, has_token: bool) -> None:
    """Add the OpenAPI document and the page that shows it."""

    @cache
    def document() -> Mapping[str, Any]:
        return describe(app, has_token=has_token, protected=PROTECTED)

    @app.get(OPENAPI_PATH, include_in_schema=False)
    def show_openapi() -> JSONResponse:
        return JSONResponse(document())

    @app.get(DOCUMENTATION, include_in_schema=False)
    def show_documentation() -> HTMLResponse:
        return HTMLResponse(render_documentation(document()))
