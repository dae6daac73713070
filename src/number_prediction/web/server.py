"""uvicorn, made safe to stand in the open: slow clients are cut off, and a stop loses no request.

On SIGTERM or Ctrl-C no new connection is taken; those that the kernel has taken already are answered, and
connections that are kept alive stay a moment for a request that is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.config
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from number_prediction.errors import ServingError

HEAD_SECONDS = 4.0
"""For the head of a request, from the opening of a connection or its first byte."""
ANSWER_SECONDS = 60.0
"""For a client to take what is sent, up to 64 KiB, or the whole of an answer that is sent at once."""
MAX_HEAD_BYTES = 32 * 2**10
KEEP_ALIVE_SECONDS = 5
LAST_REQUEST_SECONDS = 0.5
"""How long a connection without a request stays open when the server stops."""
STOP_SECONDS = 30
"""How long requests in work may take when the server stops."""
_BACKLOG = 2048


class Protocol(H11Protocol):
    """HTTP/1.1 with deadlines for head and answer, and an end that waits for what is under way."""

    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None
    _is_stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._is_idle() and self._head_timer is None:
            self._expect_head()
        super().data_received(data)
        if not self._is_idle():
            self._stop_head_timer()
            if self._is_stopping:
                self._announce_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_timer = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_answer_timer()
        super().resume_writing()

    def shutdown(self) -> None:
        """Let a request come that is under way, answer it with word of the end, and close."""
        self._is_stopping = True
        self._announce_end()
        self.loop.call_later(LAST_REQUEST_SECONDS, self._close)

    def _announce_end(self) -> None:
        """As if the client had asked for the connection to be closed, so that it sends nothing more."""
        if self.cycle is not None and not self.cycle.response_started:
            self.headers.append(CLOSE_HEADER)

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _is_idle(self) -> bool:
        """Whether no request is in work."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_if_idle)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _close_if_idle(self) -> None:
        self._head_timer = None
        if self._is_idle():
            self.transport.close()


class Server(uvicorn.Server):
    """A server whose stop takes in the connections that the kernel has taken before."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: take what waits, close the door, answer all, end."""
        loop = asyncio.get_running_loop()
        waiting = [connection for listener in sockets or [] for connection in _accept_all(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in waiting:
            await loop.connect_accepted_socket(self._make_protocol, connection)
        await super().shutdown()

    def _make_protocol(self) -> asyncio.Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    taken = []
    with contextlib.suppress(OSError):  # BlockingIOError: nobody waits any more
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            taken.append(connection)
    return taken


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any free one.

    Raises:
        ServingError: the address is not this machine's, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(f"{host}, port {port}: {reason}; choose others with --host and --port") from error
    # Connections inherit it; asyncio sets it only where it made the socket itself. Without it the second part
    # of an answer waits for the client to acknowledge the first: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


def make_server(app: FastAPI) -> Server:
    """The server of an app; `run([listener])` answers requests until its `should_exit` is set."""
    return Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=_BACKLOG,
        )
    )


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or Ctrl-C; logs go to stderr, one JSON object a line."""
    _send_logs_to_stderr()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when all is done
        make_server(app).run([listener])


def _send_logs_to_stderr() -> None:
    settings: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "number_prediction.web.middleware.observation.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
    }
    logging.config.dictConfig(settings)
    logging.captureWarnings(True)
