"""A real server in a thread, and raw connections to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI

from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.models.model import Pictures
from number_prediction.web.server import listen, make_server


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """Run the app in uvicorn and yield a client; at the end the server stops as on SIGTERM."""
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
    """Open a raw connection to the server of a client."""
    port = client.base_url.port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def receive_all(connection: socket.socket) -> bytes:
    """Receive until the server closes or resets the connection."""
    content = b""
    try:
        while chunk := connection.recv(65536):
            content += chunk
    except ConnectionResetError:
        pass
    return content


class GatedPredictor(Predictor):
    """Reads only while its gate is open."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.gate = threading.Event()
        self.gate.set()

    def iterate_digits(
        self, images: Pictures, *, explain: bool = False, must_answer: bool = False
    ) -> Iterator[DigitPrediction | ImageError]:
        assert self.gate.wait(60)
        return super().iterate_digits(images, explain=explain, must_answer=must_answer)


def kind_of(answer: httpx.Response) -> str:
    """The kind of problem in an answer."""
    return str(answer.json()["type"]).removeprefix("/docs#")


def wait_for_metric(client: httpx.Client, line: str) -> None:
    """Wait until the metrics contain a line."""
    for _ in range(3000):
        if line in client.get("/metrics").text:
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {line}")
