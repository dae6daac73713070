"""Limits on request bodies: how many, how large, how slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from number_prediction.digits.predictor import Predictor
from number_prediction.web.app import create_app
from number_prediction.web.limits import Limits
from tests.helpers.served import connect, kind_of, running
from tests.helpers.uploads import HEADERS, PICTURE

DRIP_HEAD = (
    b"POST /api/digits HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n"
)


def test_more_requests_or_bytes_than_may_be_in_work_are_refused(predictor: Predictor, tmp_path: Path) -> None:
    for limits in (Limits(max_requests=0), Limits(max_buffered_bytes=len(PICTURE) - 1)):
        with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:
            answer = client.post("/api/digits", content=PICTURE, headers=HEADERS)
            assert (answer.status_code, kind_of(answer)) == (503, "overloaded")


def test_clients_that_drip_are_closed_and_others_are_served(predictor: Predictor, tmp_path: Path) -> None:
    limits = Limits(max_body_seconds=1.0)
    with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:
        drips = [DRIP_HEAD] * 5 + [DRIP_HEAD[:30], b"", DRIP_HEAD.replace(b"POST", b"PUT")]
        connections = [connect(client) for _ in drips]
        for connection, head in zip(connections, drips, strict=True):
            connection.sendall(head)
        with ThreadPoolExecutor(len(drips)) as pool:
            ends = [pool.submit(_drip, connection) for connection in connections]
            good = [client.post("/api/digits", content=PICTURE, headers=HEADERS) for _ in range(5)]
            answers = [end.result() for end in ends]
        for connection in connections:
            connection.close()
    assert [answer.status_code for answer in good] == [200] * 5
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers[:5])
    assert answers[5] == answers[6] == b""
    assert answers[7].startswith(b"HTTP/1.1 405 ")


def _drip(connection: socket.socket) -> bytes:
    """Send a byte now and then until the server closes; what it answered."""
    content = b""
    connection.settimeout(0.2)
    while True:
        try:
            connection.sendall(b"a")
            chunk = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return content
        if not chunk:
            return content
        content += chunk


def test_a_slow_body_that_keeps_coming_is_waited_for(predictor: Predictor, tmp_path: Path) -> None:
    limits = Limits(max_body_seconds=0.3, fast_bytes_per_second=100)
    with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:

        def chunks() -> Iterator[bytes]:
            for begin in range(0, len(PICTURE), 200):
                yield PICTURE[begin : begin + 200]
                time.sleep(0.2)

        answer = client.post("/api/digits", content=chunks(), headers=HEADERS)
    assert answer.status_code == 200
