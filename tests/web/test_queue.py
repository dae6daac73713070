"""The queue: batches, a full queue, cancelled requests, and errors of the reader."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from number_prediction.errors import ImageError, ModelError
from number_prediction.images.decode import Page
from number_prediction.web.app import create_app
from number_prediction.web.limits import Limits
from number_prediction.web.problems import Problem
from number_prediction.web.queue import ReadingQueue
from tests.helpers.served import GatedPredictor, kind_of, running, wait_for_metric
from tests.helpers.uploads import HEADERS, PICTURE


def test_pictures_of_many_requests_are_read_together_each_with_its_own_answer() -> None:
    sizes: list[int] = []
    started, gate = threading.Event(), threading.Event()

    def read(pages: Iterable[Page]) -> list[dict[str, Any]]:
        started.set()
        assert gate.wait(60)
        return [{"mean": float(page.mean())} for page in pages]

    def decode(picture: bytes) -> Page:
        if picture == b"damaged":
            raise ImageError("damaged")
        return page_of(picture)

    async def ask() -> list[list[Any]]:
        queue = ReadingQueue(decode, capacity=100, threads=1, on_batch=sizes.append)
        try:
            first = asyncio.create_task(queue.read([b"\x01"], read, seconds=60))
            while not started.is_set():
                await asyncio.sleep(0.01)
            others = [
                asyncio.create_task(queue.read([bytes([n]), b"damaged"], read, seconds=60)) for n in range(40)
            ]
            while queue.waiting < 80:
                await asyncio.sleep(0.01)
            gate.set()
            return list(await asyncio.gather(first, *others))
        finally:
            await asyncio.to_thread(queue.close)

    first, *others = asyncio.run(ask())
    assert first == [{"mean": 1.0}]
    for number, (answer, error) in enumerate(others):
        assert answer == {"mean": float(number)}
        assert isinstance(error, ImageError)
    assert sizes == [1, 50, 30]


def page_of(picture: bytes) -> Page:
    return np.full((2, 2), picture[0], np.uint8)


def test_an_error_of_the_reader_reaches_who_waits_and_the_thread_goes_on() -> None:
    def fail(_pages: Iterable[Page]) -> list[dict[str, Any]]:
        raise ModelError("broken")

    def read(pages: Iterable[Page]) -> list[dict[str, Any]]:
        return [{} for _ in pages]

    async def ask() -> None:
        queue = ReadingQueue(page_of, capacity=10, threads=1)
        with pytest.raises(ModelError, match="broken"):
            await queue.read([b"\0"], fail, seconds=60)
        assert await queue.read([b"\0"], read, seconds=60) == [{}]
        await asyncio.to_thread(queue.close)
        with pytest.raises(Problem, match="try again"):
            await queue.read([b"\0"], read, seconds=60)

    asyncio.run(ask())


def test_what_nobody_waits_for_any_more_is_not_decoded() -> None:
    decoded: list[bytes] = []
    gate = threading.Event()

    def decode(picture: bytes) -> Page:
        assert gate.wait(60)
        decoded.append(picture)
        return page_of(picture)

    def read(pages: Iterable[Page]) -> list[dict[str, Any]]:
        return [{} for _ in pages]

    async def ask() -> None:
        queue = ReadingQueue(decode, capacity=100, threads=1)
        for pictures in ([b"\1"] * 50, [b"\2"]):  # the second one waits behind the first
            with pytest.raises(Problem, match="no answer"):
                await queue.read(pictures, read, seconds=0.1)
        gate.set()
        assert await queue.read([b"\3"], read, seconds=60) == [{}]
        await asyncio.to_thread(queue.close)

    asyncio.run(ask())
    assert decoded == [b"\1", b"\3"]


def test_a_full_queue_answers_503_and_what_was_taken_is_answered(tmp_path: Path) -> None:
    gated = GatedPredictor()
    app = create_app(gated, corrections=tmp_path / "c", limits=Limits(max_queued_pictures=2), threads=1)
    with running(app) as client, ThreadPoolExecutor(3) as pool:
        gated.gate.clear()

        def post() -> httpx.Response:
            return client.post("/api/digits", content=PICTURE, headers=HEADERS)

        taken = [pool.submit(post)]
        wait_for_metric(client, "number_prediction_batch_pictures_count 1.0")
        taken += [pool.submit(post), pool.submit(post)]
        wait_for_metric(client, "number_prediction_queue_pictures 2.0")
        refused = post()
        assert (refused.status_code, kind_of(refused)) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        gated.gate.set()
        assert [each.result().status_code for each in taken] == [200] * 3
        assert post().status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    gated = GatedPredictor()
    app = create_app(gated, corrections=tmp_path / "c", limits=Limits(max_answer_seconds=0.2), threads=1)
    with running(app) as client:
        gated.gate.clear()
        answers = [client.post("/api/digits", content=PICTURE, headers=HEADERS) for _ in range(2)]
        gated.gate.set()
        for answer in answers:
            assert (answer.status_code, kind_of(answer)) == (503, "deadline")
            assert "retry-after" in answer.headers
