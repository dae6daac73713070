"""The server as a whole: who may ask, what it says of itself, and how it bears load, slowness and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError, ModelError, ServingError
from number_prediction.images.decode import Page
from number_prediction.models.model import Pictures
from number_prediction.numbers.page import predict_page
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.web.app import create_app
from number_prediction.web.middleware.access import Access, is_loopback
from number_prediction.web.middleware.limits import Limits
from number_prediction.web.middleware.observation import JsonFormatter
from number_prediction.web.problems import PROBLEMS, Problem
from number_prediction.web.queue import ReadingQueue
from number_prediction.web.server import listen
from tests.helpers.contract import check_contract
from tests.helpers.served import connect, running
from tests.helpers.uploads import PNG, encode, seven

PICTURE = encode(seven())
HEADERS = {"content-type": PNG}
DRIP_HEAD = (
    b"POST /api/digits HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n"
)


class Gated(Predictor):
    """Reads only while its gate is open."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.gate = threading.Event()
        self.gate.set()

    def iterate_digits(
        self, images: Pictures, *, explain: bool = False
    ) -> Iterator[DigitPrediction | ImageError]:
        assert self.gate.wait(60)
        return super().iterate_digits(images, explain=explain)


@pytest.fixture(scope="module")
def client(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server with a page."""
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html><title>page</title>")
    for name in ("app.mjs", "app.js", "look.css", "engine.wasm", "app.webmanifest"):
        (page / name).write_text("x")
    (page / "deeper").mkdir()
    corrections = tmp_path_factory.mktemp("web") / "corrections.sqlite3"
    with running(create_app(predictor, corrections=corrections, page=page)) as client:
        yield client


def kind_of(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/docs#")


def test_answers_are_not_held_back_for_acknowledgements() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert client.getpeername() == listener.getsockname()


# What it says of itself


def test_the_model_is_described_and_handed_out(client: httpx.Client, predictor: Predictor) -> None:
    facts = client.get("/api/model").json()
    assert facts["classes"] == list("0123456789")
    assert (facts["sha256"], facts["engine"]) == (predictor.sha256, "server")
    assert facts["is_digit_threshold"] == predictor.threshold
    model = client.get("/models/digit.onnx")
    assert model.content == predictor.read_model()
    again = client.get("/models/digit.onnx", headers={"if-none-match": model.headers["etag"]})
    assert predictor.sha256 in model.headers["etag"]
    assert (again.status_code, again.content) == (304, b"")


def test_what_the_model_saw_is_told_on_request(client: httpx.Client, predictor: Predictor) -> None:
    plain = client.post("/api/digits", content=PICTURE, headers=HEADERS).json()["predictions"][0]
    told = client.post("/api/digits?explain=true", content=PICTURE, headers=HEADERS).json()["predictions"][0]
    (seen,) = predictor.predict_digits([PICTURE], explain=True)
    assert seen.ink is not None
    assert {**told, "frame": None, "ink": None} == {**plain, "frame": None, "ink": None}
    np.testing.assert_allclose(told["frame"], seen.frame, atol=1e-3)
    assert np.shape(told["ink"]) == seen.ink.shape


def test_a_server_without_a_model_for_numbers_has_no_such_routes(client: httpx.Client) -> None:
    assert list(client.get("/api/model").json()["models"]) == ["digit"]
    for path in ("/api/number", "/api/page", "/api/form", "/api/nothing"):
        answer = client.post(path, content=PICTURE, headers=HEADERS)
        assert (answer.status_code, kind_of(answer)) == (404, "not-found")
        assert ("--form TEMPLATE.json" in answer.json()["detail"]) == (path == "/api/form")


def test_numbers_of_lines_and_pages_are_those_of_python(predictor: Predictor, tmp_path: Path) -> None:
    numbers = NumberPredictor(threads=1)
    digits = load_mnist().test.images[:3]
    page = np.pad(255 - np.concatenate(list(digits), 1), 40, constant_values=255)
    picture = encode(Image.fromarray(page))
    (line,) = numbers.predict_numbers([picture])
    found = predict_page(picture, read=numbers.read_lines).to_dict()
    app = create_app(predictor, numbers=numbers, corrections=tmp_path / "corrections.sqlite3")
    with running(app) as client:
        assert list(client.get("/api/model").json()["models"]) == ["digit", "number"]
        (answer,) = client.post("/api/number", content=picture, headers=HEADERS).json()["predictions"]
        (sheet,) = client.post("/api/page", content=picture, headers=HEADERS).json()["pages"]
    assert line.text
    assert (answer["text"], answer["confidence"]) == (line.text, pytest.approx(line.confidence))
    assert [glyph["box"] for glyph in answer["glyphs"]] == [list(glyph.box) for glyph in line.glyphs]
    assert [number["text"] for number in sheet["numbers"]] == [number["text"] for number in found["numbers"]]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/app.mjs", "text/javascript"),
        ("/app.js", "text/javascript"),
        ("/look.css", "text/css"),
        ("/engine.wasm", "application/wasm"),
        ("/app.webmanifest", "application/manifest+json"),
    ],
)
def test_the_page_is_served_with_the_right_types(path: str, media_type: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type


@pytest.mark.parametrize(
    "path", ["/nothing", "/..%2f..%2fetc%2fpasswd", "/%00", "/" + "a" * 5000, "/deeper", "/api/digit", "/%ff"]
)
def test_what_is_not_there_is_not_found(path: str, client: httpx.Client) -> None:
    answer = client.get(path)
    assert (answer.status_code, kind_of(answer)) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/api/digits", "POST"), ("DELETE", "/healthz", "GET"), ("PUT", "/api/model", "GET")],
)
def test_a_wrong_method_is_said_with_the_right_ones(
    method: str, path: str, allowed: str, client: httpx.Client
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, kind_of(answer)) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/api/model", "/nothing", "/docs", "/api/corrections"])
def test_every_answer_tells_browsers_to_run_nothing_else(path: str, client: httpx.Client) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")
    assert "access-control-allow-origin" not in headers


def test_the_documentation_explains_every_problem_without_a_script(client: httpx.Client) -> None:
    text = client.get("/docs").text
    assert all(f'id="{kind}"' in text for kind in PROBLEMS)
    assert "POST /api/digits" in text
    assert "<script" not in text


def test_metrics_count_answers_and_refusals(client: httpx.Client, predictor: Predictor) -> None:
    def count(line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (.+)$", client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    answered = 'number_prediction_requests_total{route="/api/digits",status="200"}'
    refused = 'number_prediction_rejections_total{reason="no-picture"}'
    before = count(answered), count(refused)
    client.post("/api/digits", content=PICTURE, headers=HEADERS)
    client.post("/api/digits", content=b"", headers=HEADERS)
    assert (count(answered), count(refused)) == (before[0] + 1, before[1] + 1)
    assert predictor.sha256 in client.get("/metrics").text
    assert count("number_prediction_queue_pictures") == 0


def test_logs_are_json_and_hold_nothing_that_was_sent(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "number_prediction.web"):
        client.post("/api/digits?secret", content=PICTURE, headers=HEADERS)
        client.get("/secret")
        expected = {("/api/digits", 200, 1, None), ("other", 404, None, "not-found")}
        noted: set[tuple[Any, ...]] = set()
        lines: list[str] = []
        while not expected <= noted:  # after the answers, and after those of tests before
            time.sleep(0.01)
            lines = [JsonFormatter().format(record) for record in caplog.records]
            noted = {
                tuple(json.loads(line).get(name) for name in ("route", "status", "pictures", "problem"))
                for line in lines
            }
    assert "secret" not in "".join(lines)


def test_ready_means_that_the_file_is_whole_and_a_seven_is_read(predictor: Predictor, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(predictor.read_model())
    with running(create_app(Predictor(model), corrections=tmp_path / "c")) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
    app = create_app(Predictor(model), corrections=tmp_path / "c")
    model.write_bytes(b"something else")
    with running(app) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, kind_of(answer)) == (503, "not-ready")
        assert client.get("/healthz").status_code == 200


# Who may ask


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1", "localhost."])
def test_names_of_loopback_are_answered(host: str, client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "192.168.0.1", "[::2]", "", "["])
def test_other_names_are_not(host: str, client: httpx.Client) -> None:
    answer = client.get("/", headers={"host": host})
    assert (answer.status_code, kind_of(answer)) == (421, "unknown-host")


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", "http://localhost:1", "http://[", "file://"]
)
def test_pages_of_other_origins_may_do_nothing(origin: str, client: httpx.Client) -> None:
    answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, "origin": origin})
    assert (answer.status_code, kind_of(answer)) == (403, "foreign-origin")


def test_the_own_page_may(client: httpx.Client) -> None:
    origin = str(client.base_url)
    answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, "origin": origin})
    assert answer.status_code == 200


def test_an_allowed_origin_may_and_its_browser_is_told(predictor: Predictor, tmp_path: Path) -> None:
    access = Access(origins=("https://example.org",))
    with running(create_app(predictor, corrections=tmp_path / "c", access=access)) as client:
        origin = {"origin": "https://example.org"}
        asked = {**origin, "access-control-request-method": "POST"}
        preflight = client.options("/api/digits", headers=asked)
        answer = client.post("/api/digits", content=PICTURE, headers={**HEADERS, **origin})
        foreign = client.options("/api/digits", headers={**asked, "origin": "https://example.com"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == origin["origin"]
        assert "Origin" in each.headers["vary"]
    assert answer.status_code == 200
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers


def test_the_api_needs_the_token_and_the_probes_do_not(predictor: Predictor, tmp_path: Path) -> None:
    with running(
        create_app(predictor, corrections=tmp_path / "c", access=Access(token="ö secret"))
    ) as client:
        right = {"authorization": "Bearer ö secret".encode()}
        for path in ("/api/model", "/models/digit.onnx", "/metrics", "/api/corrections"):
            for headers in ({}, {"authorization": "Bearer"}, {"authorization": "Basic ö secret".encode()}):
                answer = client.get(path, headers=headers)
                assert (answer.status_code, kind_of(answer)) == (401, "unauthorized")
                assert answer.headers["www-authenticate"] == "Bearer"
            assert client.get(path, headers=right).status_code == 200
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.9", True), ("::1", True), ("0.0.0.0", False), ("x", False)]
)
def test_loopback_is_told_by_address_and_name(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# Load


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


def test_a_full_queue_answers_503_and_what_was_taken_is_answered(tmp_path: Path) -> None:
    gated = Gated()
    app = create_app(gated, corrections=tmp_path / "c", limits=Limits(waiting_pictures=2), threads=1)
    with running(app) as client, ThreadPoolExecutor(3) as pool:
        gated.gate.clear()

        def post() -> httpx.Response:
            return client.post("/api/digits", content=PICTURE, headers=HEADERS)

        taken = [pool.submit(post)]
        _wait_for(client, "number_prediction_batch_pictures_count 1.0")
        taken += [pool.submit(post), pool.submit(post)]
        _wait_for(client, "number_prediction_queue_pictures 2.0")
        refused = post()
        assert (refused.status_code, kind_of(refused)) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
        gated.gate.set()
        assert [each.result().status_code for each in taken] == [200] * 3
        assert post().status_code == 200


def _wait_for(client: httpx.Client, line: str) -> None:
    for _ in range(3000):
        if line in client.get("/metrics").text:
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {line}")


def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    gated = Gated()
    app = create_app(gated, corrections=tmp_path / "c", limits=Limits(answer_seconds=0.2), threads=1)
    with running(app) as client:
        gated.gate.clear()
        answers = [client.post("/api/digits", content=PICTURE, headers=HEADERS) for _ in range(2)]
        gated.gate.set()
        for answer in answers:
            assert (answer.status_code, kind_of(answer)) == (503, "deadline")
            assert "retry-after" in answer.headers


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


def test_more_requests_or_bytes_than_may_be_in_work_are_refused(predictor: Predictor, tmp_path: Path) -> None:
    for limits in (Limits(requests=0), Limits(held_bytes=len(PICTURE) - 1)):
        with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:
            answer = client.post("/api/digits", content=PICTURE, headers=HEADERS)
            assert (answer.status_code, kind_of(answer)) == (503, "overloaded")


def test_an_error_of_the_server_is_a_problem_too_and_it_goes_on(tmp_path: Path) -> None:
    class Broken(Gated):
        def iterate_digits(
            self, images: Pictures, *, explain: bool = False
        ) -> Iterator[DigitPrediction | ImageError]:
            if not self.gate.is_set():
                raise ModelError("secret")
            return super().iterate_digits(images, explain=explain)

    broken = Broken()
    with running(create_app(broken, corrections=tmp_path / "c")) as client:
        broken.gate.clear()
        answer = client.post("/api/digits", content=PICTURE, headers=HEADERS)
        assert (answer.status_code, kind_of(answer)) == (500, "internal-error")
        assert "secret" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        broken.gate.set()
        assert client.post("/api/digits", content=PICTURE, headers=HEADERS).status_code == 200


# Slowness


def test_clients_that_drip_are_closed_and_others_are_served(predictor: Predictor, tmp_path: Path) -> None:
    limits = Limits(body_seconds=1.0)
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
    limits = Limits(body_seconds=0.3, bytes_per_second=100)
    with running(create_app(predictor, corrections=tmp_path / "c", limits=limits)) as client:

        def chunks() -> Iterator[bytes]:
            for begin in range(0, len(PICTURE), 200):
                yield PICTURE[begin : begin + 200]
                time.sleep(0.2)

        answer = client.post("/api/digits", content=chunks(), headers=HEADERS)
    assert answer.status_code == 200


# The end


def test_a_folder_without_a_page_is_not_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "number_prediction", "serve", "--page", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "index.html" in done.stderr


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
                _wait_for(client, 'requests_total{route="/api/digits",status="200"} 2')
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


def test_serve_says_what_is_missing() -> None:
    script = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from number_prediction.cli import main; sys.argv = ['number-prediction', 'serve']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "number-prediction[web]" in done.stderr


# The OpenAPI document


def test_answers_are_what_the_openapi_document_says(predictor: Predictor, tmp_path: Path) -> None:
    with running(create_app(predictor, corrections=tmp_path / "c")) as client:
        statuses = check_contract(str(client.base_url), cases=80)
    assert {200, 201, 422} <= statuses.keys()
