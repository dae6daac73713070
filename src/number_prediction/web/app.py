"""A loaded model -> an ASGI application: the page, the API, and what watches over both."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from number_prediction import __version__
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ImageTooLargeError, MissingExtraError, UnsupportedImageError
from number_prediction.forms.template import FormTemplate
from number_prediction.images.decode import Page, to_page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.pipeline.rows import Explained
from number_prediction.web import metrics
from number_prediction.web.corrections.routes import correction_routes
from number_prediction.web.corrections.store import Corrections
from number_prediction.web.documentation import OPENAPI_PATH, describe, render_documentation
from number_prediction.web.middleware.access import PROTECTED, Access, AccessRules
from number_prediction.web.middleware.limits import BodyLimits, Limits
from number_prediction.web.middleware.observation import Observation
from number_prediction.web.problems import DOCUMENTATION, Problem, documented, install_handlers
from number_prediction.web.queue import Answer, ReadingQueue
from number_prediction.web.readiness import Readiness
from number_prediction.web.schemas import Health, ModelFacts
from number_prediction.web.services import Service, services_of
from number_prediction.web.uploads import FIELD, FORM_TYPE, PICTURE_TYPES, find_pictures

PAGE = Path(__file__).with_name("page")
"""Folder of the page in the package."""
ENGINE = "server"
"""What reads, as the page names it."""
_MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
"""By suffix, whatever this machine holds them for."""
_OPTIONAL = {
    "/api/number": "it was started without a model for numbers",
    "/api/page": "it was started without a model for numbers",
    "/api/form": "start it with --form TEMPLATE.json, and a model for numbers",
}
"""Routes that not every server has, and why."""
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


def create_app(
    predictor: Predictor,
    *,
    numbers: NumberPredictor | None = None,
    form: FormTemplate | None = None,
    corrections: Path,
    page: Path | None = None,
    limits: Limits | None = None,
    access: Access | None = None,
    threads: int = 2,
) -> FastAPI:
    """Put a model behind HTTP.

    Args:
        predictor: reads digits; each thread gives it one batch at a time.
        numbers: reads numbers; without it there is no /api/number and no /api/page.
        form: with it and `numbers`, sheets of this form are read.
        corrections: file of the corrections, made with the first one.
        page: folder of static files with an index.html, served at /.
        limits: what is refused.
        access: who may ask; by default this machine, by the names of loopback.
        threads: batches that are read at once.

    Raises:
        DataError: `corrections` is a file of something else.
    """
    limits, access = limits or Limits(), access or Access()
    services = services_of(predictor, numbers, form)
    store = Corrections(corrections)
    counters = metrics.Metrics(model.sha256 for model in (predictor, numbers) if model is not None)
    queue = ReadingQueue(
        partial(_decode, limits=limits),
        capacity=limits.waiting_pictures,
        threads=threads,
        on_batch=counters.count_batch,
    )
    counters.watch_queue(lambda: queue.waiting)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(queue.close)
        store.close()

    app = FastAPI(
        title="number_prediction",
        summary="Reads handwritten digits and numbers from pictures",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
    )
    install_handlers(app)
    for path, service in services.items():
        _add_service(app, path, service, queue, limits)
    _add_model(app, predictor, numbers)
    app.include_router(correction_routes(store))
    _add_probes(app, Readiness(predictor, numbers), counters)
    _add_documentation(app, has_token=access.token is not None)
    if page is not None:
        for suffix, media_type in _MEDIA_TYPES.items():
            mimetypes.add_type(media_type, suffix)
        files = StaticFiles(directory=page, html=True, check_dir=False)
        app.router.default = partial(_answer_unrouted, files)  # as a mount it would hide wrong methods
    app.add_middleware(AccessRules, access=access)  # the last one added is the first to be asked
    app.add_middleware(BodyLimits, limits=limits, reading=frozenset(services))
    app.add_middleware(Observation, metrics=counters)
    return app


def _decode(picture: bytes, *, limits: Limits) -> Page:
    try:
        return to_page(picture, max_bytes=limits.picture_bytes, max_pixels=limits.picture_pixels)
    except MissingExtraError as error:
        raise UnsupportedImageError(f"this server reads no HEIC ({error})") from error


def _add_service(app: FastAPI, path: str, service: Service, queue: ReadingQueue, limits: Limits) -> None:
    form = {
        "type": "object",
        "properties": {
            FIELD: {"type": "array", "items": _BINARY, "minItems": 1, "maxItems": limits.pictures}
        },
        "required": [FIELD],
        "additionalProperties": False,
    }
    content: dict[str, Any] = {media_type: {"schema": _BINARY} for media_type in PICTURE_TYPES}
    content[FORM_TYPE] = {"schema": form}

    @app.post(
        path,
        name=path.rpartition("/")[2],
        summary=service.summary,
        description=f"{service.summary}: one as the body, one or many in the field {FIELD!r} of a form.",
        response_model=service.answer,
        responses=documented(*_READING_PROBLEMS),
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def read(
        request: Request,
        explain: Annotated[bool, Query(description="Also tell what the model saw, where it can")] = False,
    ) -> Response:
        body = await request.body()
        headers = request.headers
        pictures = find_pictures(
            body, headers.get("content-type", ""), headers.get("content-encoding", ""), limits
        )
        request.state.pictures = len(pictures)
        reader = service.explain if explain and service.explain else service.read
        answers = await queue.read(pictures, reader, seconds=limits.answer_seconds)
        values = [_values_of(answer, number) for number, answer in enumerate(answers, 1)]
        return JSONResponse({service.key: values})


def _values_of(answer: Answer, number: int) -> dict[str, Any]:
    """What was read from the picture of this number; raises Problem where it could not be."""
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


def _add_model(app: FastAPI, predictor: Predictor, numbers: NumberPredictor | None) -> None:
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
        """The model that reads."""
        return facts

    @app.get(
        "/models/digit.onnx",
        response_class=Response,
        responses={
            200: {"content": {_MEDIA_TYPES[".onnx"]: {"schema": _BINARY}}},
            304: {"description": "It is still the same"},
        },
    )
    def fetch_model(if_none_match: Annotated[str, Header()] = "") -> Response:
        """The model file, for a browser that reads by itself."""
        if tag in (each.strip().removeprefix("W/") for each in if_none_match.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[".onnx"])


async def _answer_unrouted(files: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """What no route is for: a file of the page; below /api/ there is none."""
    path = scope["path"]
    if path in _OPTIONAL:
        raise Problem("not-found", f"This server has no {path}: {_OPTIONAL[path]}.")
    if path.startswith("/api/"):
        raise Problem("not-found", f"There is no {path}; {DOCUMENTATION} says what there is.")
    await files(scope, receive, send)


def _add_probes(app: FastAPI, readiness: Readiness, counters: metrics.Metrics) -> None:
    @app.get("/healthz")
    async def check_health() -> Health:
        """Whether the server runs; the model is not asked."""
        return Health(status="ok")

    @app.get("/readyz", responses=documented("not-ready"))
    def check_readiness() -> Health:
        """Whether the model file is unchanged and a known picture is read."""
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
        """Counters in Prometheus' text format."""
        return Response(counters.render(), media_type=metrics.MEDIA_TYPE)


def _add_documentation(app: FastAPI, *, has_token: bool) -> None:
    @cache
    def document() -> Mapping[str, Any]:
        return describe(app, has_token=has_token, protected=PROTECTED)

    @app.get(OPENAPI_PATH, include_in_schema=False)
    def show_openapi() -> JSONResponse:
        return JSONResponse(document())

    @app.get(DOCUMENTATION, include_in_schema=False)
    def show_documentation() -> HTMLResponse:
        return HTMLResponse(render_documentation(document()))


_BINARY = {"type": "string", "format": "binary"}
