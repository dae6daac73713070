"""How much a client may ask for, and the middleware that holds its body to it.

uvicorn waits for a body for ever and takes any size. Here bytes are counted as they come and the time they
take is limited, before anything is decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from number_prediction.web.problems import Problem, note_problem

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused is larger, later or more than this."""

    picture_bytes: int = 10 * MEBIBYTE
    """Of one encoded picture."""
    picture_pixels: int = 25_000_000
    """Of one picture, by its header: 24-megapixel telephones and a margin."""
    pictures: int = 100
    """In one request."""
    request_bytes: int = 32 * MEBIBYTE
    """Of the body of a request with pictures."""
    json_bytes: int = 6 * MEBIBYTE
    """Of any other body."""
    held_bytes: int = 256 * MEBIBYTE
    """Of all bodies in memory."""
    requests: int = 1000
    """In work at once, those whose bodies are still to come included."""
    body_seconds: float = 4.0
    """For a body; one that comes faster than `bytes_per_second` may take longer, up to `longest_seconds`."""
    bytes_per_second: int = 50_000
    longest_seconds: float = 60.0
    waiting_pictures: int = 256
    """In the queue; at a thousand pictures a second and core nobody waits long."""
    answer_seconds: float = 10.0
    """From the end of a body to its answer."""


class BodyLimits:
    """ASGI middleware: bodies that are too large, too slow or too many end in a problem."""

    def __init__(self, app: ASGIApp, limits: Limits, reading: Container[str]) -> None:
        """`reading` holds the paths that take pictures."""
        self._app = app
        self._limits = limits
        self._reading = reading
        self._requests = 0
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on with its body watched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = self._limits
        max_bytes = limits.request_bytes if scope["path"] in self._reading else limits.json_bytes
        body = _Body(scope, receive, send, limits, max_bytes)
        self._requests += 1
        held = 0

        async def receive_within_limits() -> Message:
            nonlocal held
            message = await body.receive()
            size = len(message.get("body", b""))
            held += size
            self._held_bytes += size
            if self._held_bytes > limits.held_bytes:
                raise Problem("overloaded", "too many large requests are in work; try again")
            return message

        try:
            if self._requests > limits.requests:
                problem = Problem("overloaded", f"more than {limits.requests:,} requests at once; try again")
                await note_problem(scope, problem)(scope, receive, body.send)
            else:
                await self._app(scope, receive_within_limits, body.send)
        finally:
            self._requests -= 1
            self._held_bytes -= held


class _Body:
    """The body of one request as it comes, and the answer that may come before its end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits, max_bytes: int) -> None:
        self._receive, self._send = receive, send
        self._limits = limits
        self._max_bytes = max_bytes
        self._begun = asyncio.get_running_loop().time()
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._declared = int(length) if length.isdigit() else 0
        self._is_whole = self._declared == 0 and b"transfer-encoding" not in headers
        self._is_held_back = b"expect" in headers
        """Whether the client waits for a word before it sends its body."""
        self.received = 0
        """Bytes that came."""

    async def receive(self) -> Message:
        """The next part of the body; raises Problem beyond a limit."""
        if self._declared > self._max_bytes or self.received > self._max_bytes:
            raise self._too_large()
        message = await self._next()
        if self.received > self._max_bytes:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass on an answer; where the body has not come yet, it is thrown away or the connection closed.

        A connection that is closed while the client still writes loses the answer, so what comes in the time
        that a body may take is read first.
        """
        if message["type"] == "http.response.start" and not self._is_whole:
            if not self._is_held_back:
                await self._throw_away()
            if not self._is_whole:
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
        await self._send(message)

    async def _throw_away(self) -> None:
        try:
            while not self._is_whole and self.received < 2 * self._limits.request_bytes:
                if (await self._next())["type"] == "http.disconnect":
                    return
        except Problem:
            return

    async def _next(self) -> Message:
        if self._is_whole:
            return await self._receive()  # without a body, and then the end of the connection
        limits = self._limits
        allowed = min(limits.body_seconds + self.received / limits.bytes_per_second, limits.longest_seconds)
        try:
            async with asyncio.timeout_at(self._begun + allowed):
                message = await self._receive()
        except TimeoutError as error:
            raise Problem("body-too-slow", f"the body had not come after {allowed:.0f} seconds") from error
        if message["type"] == "http.request":
            self._is_held_back = False
            self.received += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> Problem:
        return Problem("body-too-large", f"more than {self._max_bytes:,} bytes; send less at once")
