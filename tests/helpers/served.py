"""A real server in a thread, and clients that speak to it as no library would."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI

from number_prediction.web.server import listen, make_server


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the app behind uvicorn; at the end the server stops as it does on SIGTERM."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = make_server(app)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def connect(client: httpx.Client) -> socket.socket:
    """A bare connection to the server of a client."""
    port = client.base_url.port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def receive_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection, also where it breaks it off."""
    content = b""
    try:
        while chunk := connection.recv(65536):
            content += chunk
    except ConnectionResetError:
        pass
    return content
