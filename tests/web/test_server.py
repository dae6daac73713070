"""The server: sockets, and a stop that loses no request."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn

from number_prediction.errors import ServingError
from number_prediction.web.server import UVICORN_VERSION, listen
from tests.helpers.served import wait_for_metric
from tests.helpers.uploads import HEADERS, PICTURE

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_answers_are_not_held_back_for_acknowledgements() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert client.getpeername() == listener.getsockname()


def test_sigterm_loses_no_request(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "number_prediction", "serve", "--port", "0", "--corrections", tmp_path / "c"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(_post_until_refused, address) for _ in range(4)]
            with httpx.Client(base_url=address) as client:
                wait_for_metric(client, 'requests_total{route="/api/digits",status="200"} 2')
            process.send_signal(signal.SIGTERM)
            counts = [end.result() for end in ends]
        _, logs = process.communicate()
    assert min(counts) > 0
    lines = [json.loads(line) for line in logs.splitlines()]
    answered = [line for line in lines if line.get("route") == "/api/digits" and line["status"] == 200]
    assert len(answered) == sum(counts)
    assert process.returncode in (0, -signal.SIGTERM)
    assert not list(tmp_path.iterdir())


def _post_until_refused(address: str) -> int:
    """How many requests were answered before no connection was taken; a lost one raises."""
    count = 0
    with httpx.Client(timeout=60) as client:
        while True:
            try:
                answer = client.post(f"{address}/api/digits", content=PICTURE, headers=HEADERS)
            except httpx.ConnectError:
                return count
            assert answer.status_code == 200, answer.text
            count += 1


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(ServingError, match="--port"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_uvicorn_is_the_version_whose_internals_were_tested() -> None:
    """After an update, run the tests of this folder and `benchmarks/serving.py`, then change both pins."""
    assert uvicorn.__version__.startswith(f"{UVICORN_VERSION}.")
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert f"uvicorn=={UVICORN_VERSION}.*" in extras["web"]
