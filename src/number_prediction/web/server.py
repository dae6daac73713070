"""uvicorn, hardened for the open network: slow clients are disconnected, and a stop loses no request.

On SIGTERM or Ctrl-C the server accepts no new connections. It still answers connections that the operating
system has already accepted, and gives open connections a moment to send a request that is on its way.

uvicorn's documented settings allow neither, so this module subclasses its HTTP/1.1 protocol and its server.
It therefore depends on one minor version of uvicorn: UVICORN_VERSION, which pyproject.toml pins.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from number_prediction.errors import ServingError
from number_prediction.web.limits import Limits

UVICORN_VERSION = "0.54"
"""Minor version of uvicorn whose internals this module was tested with."""
LAST_REQUEST_SECONDS = 0.5
"""When the server stops, time for an idle connection to send a request that is on its way."""
_BACKLOG = 2048


class Protocol(H11Protocol):
    """HTTP/1.1 with time limits for headers and answers, and a stop that loses no request."""

    limits = Limits()
    _head_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None
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
                self._announce_close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_send_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_timer = self.loop.call_later(self.limits.max_send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_send_timer()
        super().resume_writing()

    def shutdown(self) -> None:
        """Wait for a request that is on its way, answer it with "Connection: close", and close."""
        self._is_stopping = True
        self._announce_close()
        self.loop.call_later(LAST_REQUEST_SECONDS, self._close)

    def _announce_close(self) -> None:
        """Answer as if the client had asked to close the connection, so that it sends nothing more."""
        if self.cycle is not None and not self.cycle.response_started:
            self.headers.append(CLOSE_HEADER)

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.max_head_seconds, self._close_if_idle)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _close_if_idle(self) -> None:
        self._head_timer = None
        if self._is_idle():
            self.transport.close()


class Server(uvicorn.Server):
    """A server that also answers the connections waiting in the backlog when it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the waiting connections, close the listeners, answer all requests, and stop."""
        loop = asyncio.get_running_loop()
        waiting = [connection for listener in sockets or [] for connection in _accept_waiting(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in waiting:
            await loop.connect_accepted_socket(self._make_protocol, connection)
        await super().shutdown()

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _accept_waiting(listener: socket.socket) -> list[socket.socket]:
    accepted = []
    with contextlib.suppress(OSError):  # BlockingIOError: no connection is waiting
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            accepted.append(connection)
    return accepted


def listen(host: str, port: int) -> socket.socket:
    """Open a socket that accepts connections; port 0 means any free port.

    Raises:
        ServingError: the address does not belong to this machine, or the port is in use.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(
            f"cannot listen on {host}, port {port}: {reason}; choose another --host or --port"
        ) from error
    # Connections inherit TCP_NODELAY; asyncio sets it only on sockets that it created. Without it, the second
    # part of an answer waits until the client acknowledges the first: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


def make_server(app: FastAPI) -> Server:
    """Return the server of an app; `run([listener])` answers requests until `should_exit` is set."""
    limits: Limits = app.state.limits
    return Server(
        uvicorn.Config(
            app,
            http=type("LimitedProtocol", (Protocol,), {"limits": limits}),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=limits.max_head_bytes,
            timeout_keep_alive=limits.max_idle_seconds,
            timeout_graceful_shutdown=limits.max_stop_seconds,
            backlog=_BACKLOG,
        )
    )


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after the stop
        make_server(app).run([listener])
