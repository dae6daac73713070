"""Middleware that measures each request, and logs of one JSON object a line.

Logs hold nothing that a client sent, neither pictures nor names nor paths: the route is the server's own.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from number_prediction.web.metrics import Metrics

OTHER = "other"
"""Route of what is no route: files of the page, what is not there, and what was refused before."""
_FIELDS = "fields"

_logger = logging.getLogger(__name__)


class Observation:
    """ASGI middleware: each request becomes a line in the log and counts in the metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        status = 500
        begun = time.perf_counter()
        self._metrics.count_begun()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            seconds = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", None) or OTHER
            problem = state.get("problem")
            self._metrics.count_answered(route, status, seconds, problem)
            fields = {
                "method": scope["method"] if scope["method"] in _METHODS else OTHER,
                "route": route,
                "status": status,
                "seconds": round(seconds, 6),
                "pictures": state.get("pictures"),
                "problem": problem,
            }
            _logger.info("request", extra={_FIELDS: fields})


_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC), level, event, and the fields of the event."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in getattr(record, _FIELDS, {}).items() if value is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
