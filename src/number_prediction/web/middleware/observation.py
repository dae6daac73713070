"""Middleware that measures and logs each request; logs are JSON, one object per line.

Logs contain nothing that a client sent: no pictures, names or paths. They name the server's own routes.
"""

from __future__ import annotations

import json
import logging
import logging.config
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from number_prediction.web.metrics import Metrics

OTHER = "other"
"""Route of all other requests: files of the page, unknown paths, and requests refused before routing."""
_FIELDS = "fields"

_logger = logging.getLogger(__name__)


class Observation:
    """ASGI middleware: log each request and count it in the metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        status = 500
        started = time.perf_counter()
        self._metrics.count_started()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            seconds = time.perf_counter() - started
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
    """Formats a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time (UTC), level, event, and the fields of the event."""
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


def log_to_stderr() -> None:
    """Send the logs and warnings of this process to stderr as JSON; for a command, not for library code."""
    settings: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
    }
    logging.config.dictConfig(settings)
    logging.captureWarnings(True)
