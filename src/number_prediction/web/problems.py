"""What went wrong -> an answer that says so, as problem details (RFC 9457).

Every error that a client sees is one of PROBLEMS. Its `type` is a relative URI that leads to the line of the
documentation page that explains it.
"""

from __future__ import annotations

import http
import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
DOCUMENTATION = "/docs"
"""Where the page lies that explains each kind of problem."""
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be understood"),
    "malformed-multipart": (400, "The multipart body is damaged"),
    "no-picture": (400, "The request holds no picture"),
    "unauthorized": (401, "A token is needed"),
    "foreign-origin": (403, "Another web site may not ask for this"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This cannot be done here"),
    "body-too-slow": (408, "The request came too slowly"),
    "body-too-large": (413, "The request has too many bytes"),
    "picture-too-large": (413, "A picture has too many bytes or pixels"),
    "too-many-pictures": (413, "The request holds too many pictures"),
    "unsupported-media-type": (415, "This is no picture that can be read"),
    "unknown-host": (421, "The server does not answer to this name"),
    "damaged-picture": (422, "A picture is damaged"),
    "invalid-value": (422, "A value is not allowed"),
    "internal-error": (500, "The server failed"),
    "overloaded": (503, "The server is busy"),
    "deadline": (503, "The answer took too long"),
    "not-ready": (503, "The server is not ready"),
    "storage-failed": (507, "The correction cannot be kept"),
}
"""Kind -> HTTP status and title."""
RETRY_SECONDS = 1
"""What clients are told to wait where the server is busy; the queue is empty again by then."""

_logger = logging.getLogger(__name__)


class ValueProblem(BaseModel):
    """A value that is not allowed."""

    where: str = Field(description="Its place, such as body.label")
    message: str


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="Kind of the problem, as a relative URI of its explanation")
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, and the mend")
    picture: int | None = Field(None, description="Number of the picture, from 1, where it is about one")
    errors: list[ValueProblem] | None = Field(None, description="The values that are not allowed")


class Problem(HTTPException):
    """A request that is refused. An HTTPException, because FastAPI lets no other through while it reads."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        picture: int | None = None,
        errors: list[ValueProblem] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`kind` is one of PROBLEMS, `detail` says what is wrong and the mend."""
        status, self.title = PROBLEMS[kind]
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            headers = {**(headers or {}), "Retry-After": str(RETRY_SECONDS)}
        super().__init__(status, detail, headers)
        self.kind = kind
        self.picture = picture
        self.errors = errors

    def to_details(self) -> ProblemDetails:
        """What the client is told."""
        return ProblemDetails(
            type=f"{DOCUMENTATION}#{self.kind}",
            title=self.title,
            status=self.status_code,
            detail=self.detail,
            picture=self.picture,
            errors=self.errors,
        )

    def to_response(self) -> Response:
        """The answer, as ASCII: what a client sent may be in it and need not be valid Unicode."""
        content = json.dumps(self.to_details().model_dump(exclude_none=True))
        return Response(content, self.status_code, self.headers, media_type=MEDIA_TYPE)


def documented(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The answers to requests with these problems, as FastAPI takes them for the OpenAPI document."""
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        status, title = PROBLEMS[kind]
        by_status.setdefault(status, []).append(f"{title} ({kind})")
    schema = {"schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}}
    answers: dict[int | str, dict[str, Any]] = {}
    for status, titles in by_status.items():
        answers[status] = {"description": "; ".join(titles), "content": {MEDIA_TYPE: schema}}
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            answers[status]["headers"] = {
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
            }
    return answers


def install_handlers(app: FastAPI) -> None:
    """Let the app answer every error with a problem; before any other middleware is added."""
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(ClientDisconnect, _answer_disconnect)
    app.add_middleware(_UnexpectedErrors)


def note_problem(scope: Scope, problem: Problem) -> Response:
    """The answer to a problem; its kind is left in the scope for metrics and logs."""
    scope.setdefault("state", {})["problem"] = problem.kind
    return problem.to_response()


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Problem):
        return note_problem(request.scope, error)
    kinds = {status: kind for kind, (status, _) in reversed(PROBLEMS.items())}  # the first of a status
    kind = kinds.get(error.status_code, "bad-request")
    headers = dict(error.headers or {})
    return note_problem(request.scope, Problem(kind, str(error.detail), headers=headers))


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        ValueProblem.model_construct(where=".".join(map(str, each["loc"])), message=each["msg"])
        for each in error.errors()[:10]
    ]
    detail = "; ".join(f"{each.where}: {each.message}" for each in errors)
    return note_problem(request.scope, Problem("invalid-value", detail, errors=errors))


async def _answer_disconnect(request: Request, _error: Exception) -> Response:
    return note_problem(request.scope, Problem("bad-request", "the connection was closed before its end"))


class _UnexpectedErrors:
    """ASGI middleware: errors of the server go to its log and are answered; the connection stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; raises only where half of an answer has been sent."""
        is_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] != "http" or is_begun:
                raise
            _logger.error("internal error", exc_info=error)
            problem = Problem("internal-error", "this is an error of the server; its log says more")
            await note_problem(scope, problem)(scope, receive, send)
