"""Errors -> answers with problem details (RFC 9457).

Every error that a client sees has a kind from PROBLEMS. Its `type` is a relative URI, which links to the
explanation on the documentation page.
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
"""Path of the page that explains each kind of problem."""
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is malformed"),
    "malformed-multipart": (400, "The multipart form is malformed"),
    "no-picture": (400, "The request contains no picture"),
    "unauthorized": (401, "A token is required"),
    "foreign-origin": (403, "Pages of other web sites may not use this server"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "This path does not support the method"),
    "body-too-slow": (408, "The request arrived too slowly"),
    "body-too-large": (413, "The request body is too large"),
    "picture-too-large": (413, "A picture is too large"),
    "too-many-pictures": (413, "The request contains too many pictures"),
    "unsupported-media-type": (415, "The format is not supported"),
    "unknown-host": (421, "The server does not accept this host name"),
    "damaged-picture": (422, "A picture is damaged"),
    "invalid-value": (422, "A value is not allowed"),
    "internal-error": (500, "The server failed"),
    "overloaded": (503, "The server is busy"),
    "deadline": (503, "Reading took too long"),
    "not-ready": (503, "The server is not ready"),
    "storage-failed": (507, "The correction could not be stored"),
}
"""Kind -> HTTP status and title."""
RETRY_SECONDS = 1
"""Value of Retry-After when the server is busy; the queue is usually empty again by then."""

_logger = logging.getLogger(__name__)


class ValueProblem(BaseModel):
    """A value that is not allowed."""

    where: str = Field(description="Location of the value, such as body.label")
    message: str = Field(description="What is wrong with it")


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="Kind of the problem, as a relative URI of its explanation")
    title: str = Field(description="The kind in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What is wrong with this request, and what to do")
    picture: int | None = Field(None, description="Number of the picture concerned, counted from 1")
    errors: list[ValueProblem] | None = Field(None, description="Values that are not allowed, at most ten")


class Problem(HTTPException):
    """The reason why a request is refused.

    It is an HTTPException because FastAPI wraps all other errors that occur while it reads a body.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        picture: int | None = None,
        errors: list[ValueProblem] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Create a problem; `kind` is a key of PROBLEMS, `detail` says what is wrong and what to do."""
        status, self.title = PROBLEMS[kind]
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            headers = {**(headers or {}), "Retry-After": str(RETRY_SECONDS)}
        super().__init__(status, detail, headers)
        self.kind = kind
        self.picture = picture
        self.errors = errors

    def to_details(self) -> ProblemDetails:
        """Return the details that the client gets."""
        return ProblemDetails(
            type=f"{DOCUMENTATION}#{self.kind}",
            title=self.title,
            status=self.status_code,
            detail=self.detail,
            picture=self.picture,
            errors=self.errors,
        )

    def to_response(self) -> Response:
        """Return the answer, in ASCII: it may quote invalid Unicode that a client sent."""
        content = json.dumps(self.to_details().model_dump(exclude_none=True))
        return Response(content, self.status_code, self.headers, media_type=MEDIA_TYPE)


def documented(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Describe the answers for these kinds of problems, as FastAPI expects them for the OpenAPI document."""
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
    """Make the app answer every error with a problem; call this before adding other middleware."""
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(ClientDisconnect, _answer_disconnect)
    app.add_middleware(_UnexpectedErrors)


def note_problem(scope: Scope, problem: Problem) -> Response:
    """Return the answer to a problem, and leave its kind in the scope for metrics and logs."""
    scope.setdefault("state", {})["problem"] = problem.kind
    return problem.to_response()


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Problem):
        return note_problem(request.scope, error)
    kinds = {status: kind for kind, (status, _) in reversed(PROBLEMS.items())}  # the first one of each status
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
    return note_problem(
        request.scope, Problem("bad-request", "the client closed the connection before the body was complete")
    )


class _UnexpectedErrors:
    """ASGI middleware: log unexpected errors and answer them; the connection stays open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; raise only if part of the answer has been sent."""
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] != "http" or has_started:
                raise
            _logger.error("internal error", exc_info=error)
            problem = Problem("internal-error", "this is an error of the server; see its log")
            await note_problem(scope, problem)(scope, receive, send)
