"""Measure the server under load: speed, memory, malformed requests, slow clients, and stops.

    python -m benchmarks.serving [PART ...] [--share 1]

Starts `number-prediction serve` as a process and sends requests over loopback. Parts: throughput, mutants,
drips, flood, stops, contract; without a name, all of them. `--share 0.05` runs a twentieth of everything as a
quick check. Prints one line per figure; fails if a request is lost or the status is 5xx other than 503.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from number_prediction.datasets.mnist import load_mnist
from number_prediction.digits.predictor import Predictor
from tests.helpers.uploads import FORM, PNG, encode, form, mutants, named_uploads

SEED = 0
WARM_UP_REQUESTS = 50


@dataclass(frozen=True)
class Server:
    """A server process."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory(self, kind: str = "VmRSS") -> float:
        """Return the memory of the process in megabytes; kind "VmHWM" means the peak."""
        found = re.search(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1000


@dataclass
class Outcome:
    """The answers that clients got."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Response times of the requests with status 200."""
    lost: int = 0
    """Requests without a complete answer."""
    wrong: int = 0
    """Answers that differ from those of Predictor."""


@contextmanager
def serving() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        command = [sys.executable, "-m", "number_prediction", "serve", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--corrections", f"{folder}/c"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            yield Server(process, int(process.stdout.readline().rsplit(":", 1)[1]))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def post(body: bytes, content_type: str = PNG) -> bytes:
    """Return the bytes of a request to /api/digits."""
    head = f"POST /api/digits HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, bool]:
    """Return status, body, and whether the connection stays open."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    body = await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1]), body, b"connection: close" not in head


async def keep_asking(
    port: int,
    requests: Sequence[bytes],
    labels: Sequence[object],
    outcome: Outcome,
    *,
    until: float,
    begin: int,
) -> None:
    """Send request after request like one client, until a time or until connections are refused."""
    index = begin
    while time.perf_counter() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        stays = True
        while stays and time.perf_counter() < until:
            index = (index + 1) % len(requests)
            begun = time.perf_counter()
            try:
                status, body, stays = await ask(reader, writer, requests[index])
            except (OSError, EOFError):
                outcome.lost += 1
                break
            outcome.statuses[status] += 1
            if status == 200:
                outcome.seconds.append(time.perf_counter() - begun)
                outcome.wrong += [each["label"] for each in json.loads(body)["predictions"]] != labels[index]
        writer.close()


async def ask_side_by_side(
    port: int, requests: Sequence[bytes], labels: Sequence[object], *, clients: int, seconds: float
) -> Outcome:
    outcome = Outcome()
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(
            keep_asking(port, requests, labels, outcome, until=until, begin=client)
            for client in range(clients)
        )
    )
    return outcome


def make_requests(count: int, *, pictures: int, side: int = 28) -> tuple[list[bytes], list[list[int | None]]]:
    """Return requests of `pictures` MNIST digits each, and the labels that Predictor gives them."""
    images = np.asarray(load_mnist().test.images[: count * pictures])
    encoded = [
        encode(Image.fromarray(255 - image).resize((side, side), Image.Resampling.BICUBIC))
        for image in images
    ]
    answers = [answer.label for answer in Predictor().predict_digits(encoded)]
    groups = range(0, len(encoded), pictures)
    if pictures == 1:
        return [post(each) for each in encoded], [[answer] for answer in answers]
    return (
        [post(form(*encoded[begin : begin + pictures]), FORM) for begin in groups],
        [answers[begin : begin + pictures] for begin in groups],
    )


def quantiles(seconds: Sequence[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def measure_throughput(share: float) -> None:
    for pictures, side, clients in ((1, 28, 1), (1, 28, 8), (1, 280, 8), (50, 28, 1), (50, 28, 4)):
        requests, labels = make_requests(40, pictures=pictures, side=side)
        with serving() as server:
            asyncio.run(ask_side_by_side(server.port, requests, labels, clients=clients, seconds=1))
            seconds = max(1, 20 * share)
            outcome = asyncio.run(
                ask_side_by_side(server.port, requests, labels, clients=clients, seconds=seconds)
            )
        check(outcome, {200})
        rate = outcome.statuses[200] * pictures / seconds
        print(
            f"{pictures:>2} of {side}x{side} a request, {clients} clients: {rate:,.0f} pictures a second, "
            f"{quantiles(outcome.seconds)}"
        )


def send_mutants(share: float) -> None:
    with serving() as server, httpx.Client(base_url=server.address, timeout=60) as client:
        for _ in range(WARM_UP_REQUESTS):
            client.post(
                "/api/digits", content=encode(Image.new("L", (28, 28))), headers={"content-type": PNG}
            )
        before = server.memory()
        for kind, uploads in (
            ("named uploads", list(named_uploads().values())),
            ("mutants", list(mutants(int(10_000 * share), SEED))),
        ):
            statuses: Counter[int] = Counter()
            seconds = []
            for upload in uploads:
                begun = time.perf_counter()
                answer = client.post("/api/digits", content=upload.body, headers=upload.all_headers)
                seconds.append(time.perf_counter() - begun)
                statuses[answer.status_code] += 1
                assert answer.status_code < 500, (upload, answer.text)
            after = server.memory()
            print(
                f"{len(uploads):,} {kind}: {dict(sorted(statuses.items()))}, {quantiles(seconds)}, memory "
                f"{before:.0f} -> {after:.0f} MB, peak {server.memory('VmHWM'):.0f} MB"
            )


def drip(share: float) -> None:
    asyncio.run(_drip(max(10, int(200 * share))))


async def _drip(count: int) -> None:
    requests, labels = make_requests(20, pictures=1)
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving() as server:
        closed = asyncio.gather(*(_drip_one(server.port) for _ in range(count)))
        health_seconds = []
        good = asyncio.create_task(ask_side_by_side(server.port, requests, labels, clients=4, seconds=6))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not good.done():
            begun = time.perf_counter()
            status, _, _ = await ask(reader, writer, health)
            health_seconds.append(time.perf_counter() - begun)
            assert status == 200
            await asyncio.sleep(0.02)
        writer.close()
        seconds = await closed
    check(await good, {200})
    print(f"{count} dripping clients: the last one closed after {max(seconds):.2f} s")
    print(f"/healthz meanwhile: {quantiles(health_seconds)}")
    print(f"4 good clients meanwhile: {(await good).statuses[200]:,} of all answered with 200")


async def _drip_one(port: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.perf_counter()
    writer.write(post(bytes(5000))[:-5000])
    while not reader.at_eof():
        try:
            writer.write(b"a")
            async with asyncio.timeout(0.2):
                await reader.read(65536)
        except TimeoutError:
            continue
        except OSError:
            break
    writer.close()
    return time.perf_counter() - begun


def flood(share: float) -> None:
    requests, labels = make_requests(100, pictures=1)
    clients, seconds = max(20, int(500 * share)), max(3, 60 * share)
    with serving() as server:
        outcome = asyncio.run(
            ask_side_by_side(server.port, requests, labels, clients=clients, seconds=seconds)
        )
        ended = time.perf_counter()
        with httpx.Client(base_url=server.address) as client:
            headers = {"content-type": PNG}
            while client.post(
                "/api/digits", content=named_uploads()["palette"].body, headers=headers
            ).is_error:
                time.sleep(0.01)
        recovery = time.perf_counter() - ended
        memory = server.memory("VmHWM")
    check(outcome, {200, 503})
    print(
        f"flood of {clients} clients for {seconds:.0f} s: {dict(sorted(outcome.statuses.items()))}, accepted "
        f"{quantiles(outcome.seconds)}, {outcome.wrong} answers differ, recovered after {recovery:.2f} s, "
        f"peak memory {memory:.0f} MB"
    )


def stop(share: float) -> None:
    requests, labels = make_requests(20, pictures=1)
    times = max(2, int(20 * share))
    random_source = np.random.default_rng(SEED)
    lost = answered = 0
    for _ in range(times):
        with serving() as server:
            outcome = asyncio.run(_stop_under_load(server, requests, labels, random_source.uniform(0.3, 1.0)))
        check(outcome, {200, 503})
        lost += outcome.lost
        answered += outcome.statuses.total()
    print(f"SIGTERM under load {times} times: {answered:,} requests answered, {lost} lost")


async def _stop_under_load(
    server: Server, requests: Sequence[bytes], labels: Sequence[object], seconds: float
) -> Outcome:
    clients = asyncio.create_task(ask_side_by_side(server.port, requests, labels, clients=20, seconds=60))
    await asyncio.sleep(seconds)
    server.process.send_signal(signal.SIGTERM)
    return await clients


def check_openapi(share: float) -> None:
    from tests.helpers.contract import check_contract

    with serving() as server:
        statuses = check_contract(server.address, cases=max(50, int(1000 * share)))
    print(
        f"{statuses.total():,} cases of the OpenAPI document, all kept to: {dict(sorted(statuses.items()))}"
    )


def check(outcome: Outcome, allowed: set[int]) -> None:
    """Check that every request got an allowed status and the same answer as Predictor."""
    assert outcome.statuses.keys() <= allowed, outcome.statuses
    assert (outcome.lost, outcome.wrong) == (0, 0), outcome


PARTS: dict[str, Callable[[float], None]] = {
    "throughput": measure_throughput,
    "mutants": send_mutants,
    "drips": drip,
    "flood": flood,
    "stops": stop,
    "contract": check_openapi,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there is {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        PARTS[name](options.share)


if __name__ == "__main__":
    main()
