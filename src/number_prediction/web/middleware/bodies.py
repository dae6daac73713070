"""Middleware that enforces the limits on request bodies: size, time, and how many are in progress.

uvicorn waits for a body without end and accepts any size. This middleware counts bytes and time while a body
arrives, before anything is decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from number_prediction.web.limits import Limits
from number_prediction.web.problems import Problem, note_problem


class BodyLimits:
    """ASGI middleware: answer bodies that are too large, too slow or too many with a problem."""

    def __init__(self, app: ASGIApp, limits: Limits, picture_paths: Container[str]) -> None:
        """Create the middleware; `picture_paths` are the paths that accept pictures."""
        self._app = app
        self._limits = limits
        self._picture_paths = picture_paths
        self._requests_in_progress = 0
        self._buffered_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its body, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = self._limits
        max_bytes = (
            limits.max_request_bytes if scope["path"] in self._picture_paths else limits.max_json_bytes
        )
        body = _Body(scope, receive, send, limits, max_bytes)
        self._requests_in_progress += 1
        buffered = 0

        async def receive_within_limits() -> Message:
            nonlocal buffered
            message = await body.receive()
            size = len(message.get("body", b""))
            buffered += size
            self._buffered_bytes += size
            if self._buffered_bytes > limits.max_buffered_bytes:
                raise Problem(
                    "overloaded",
                    "the requests in progress need too much memory; try again later",
                )
            return message

        try:
            if self._requests_in_progress > limits.max_requests:
                problem = Problem(
                    "overloaded",
                    f"{limits.max_requests:,} requests are in progress; try again later",
                )
                await note_problem(scope, problem)(scope, receive, body.send)
            else:
                await self._app(scope, receive_within_limits, body.send)
        finally:
            self._requests_in_progress -= 1
            self._buffered_bytes -= buffered


class _Body:
    """The body of one request while it arrives, and an answer that may leave before the body is complete."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits, max_bytes: int) -> None:
        self._receive, self._send = receive, send
        self._limits = limits
        self._max_bytes = max_bytes
        self._started = asyncio.get_running_loop().time()
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._declared_bytes = int(length) if length.isdigit() else 0
        self._is_complete = self._declared_bytes == 0 and b"transfer-encoding" not in headers
        self._waits_for_continue = b"expect" in headers
        """Whether the client waits for "100 Continue" before it sends the body."""
        self._received_bytes = 0

    async def receive(self) -> Message:
        """Return the next part of the body; raise Problem when a limit is exceeded."""
        if max(self._declared_bytes, self._received_bytes) > self._max_bytes:
            raise self._too_large()
        message = await self._receive_in_time()
        if self._received_bytes > self._max_bytes:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer; discard the rest of an incomplete body first.

        If the connection closes while the client is still sending, the client loses the answer. So the rest
        of the body is read within the usual time, and only then may the connection close.
        """
        if message["type"] == "http.response.start" and not self._is_complete:
            if not self._waits_for_continue:
                await self._discard()
            if not self._is_complete:
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
        await self._send(message)

    async def _discard(self) -> None:
        try:
            while not self._is_complete and self._received_bytes < 2 * self._limits.max_request_bytes:
                if (await self._receive_in_time())["type"] == "http.disconnect":
                    return
        except Problem:
            return

    async def _receive_in_time(self) -> Message:
        if self._is_complete:
            return await self._receive()  # an empty body, then the end of the connection
        limits = self._limits
        seconds = min(
            limits.max_body_seconds + self._received_bytes / limits.fast_bytes_per_second,
            limits.max_fast_body_seconds,
        )
        try:
            async with asyncio.timeout_at(self._started + seconds):
                message = await self._receive()
        except TimeoutError as error:
            raise Problem(
                "body-too-slow", f"the body was incomplete after {seconds:.0f} seconds; send it faster"
            ) from error
        if message["type"] == "http.request":
            self._waits_for_continue = False
            self._received_bytes += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
        return message

    def _too_large(self) -> Problem:
        return Problem("body-too-large", f"larger than {self._max_bytes:,} bytes; send less in one request")
