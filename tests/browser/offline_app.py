"""The offline app, built and served, and photographs of digits that Python and the browser can both read."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route, expect

from number_prediction.datasets.split import Split

ROOT = Path(__file__).parents[2]
EXIF_ORIENTATION = 0x0112
Api = Callable[[str, str, bytes], tuple[int, Any]]
"""Method, path below api/ and body -> status, and bytes or a value for JSON."""


def build_app(folder: Path) -> Path:
    """Build the offline app, as `make offline-app` does; its ES module lies beside it in npm."""
    command = [sys.executable, "offline/build.py", str(folder), "--npm", str(folder.with_name("npm"))]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return folder


@dataclass
class Served:
    """A folder that is served."""

    url: str
    stop: Callable[[], None]
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes that were sent, by path."""


@contextmanager
def serve(folder: Path, *, api: Api | None = None, port: int = 0) -> Iterator[Served]:
    """Serve a folder, and what stands below api/, to this machine."""
    sent: dict[str, int] = {}

    class Handler(SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012
            **SimpleHTTPRequestHandler.extensions_map,
            ".js": "text/javascript",
            ".mjs": "text/javascript",
            ".webmanifest": "application/manifest+json",
        }

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            if self.path.startswith("/api/"):
                self.answer()
            else:
                super().do_GET()

        def answer(self) -> None:
            assert api is not None
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, value = api(self.command, self.path.removeprefix("/api/"), body)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = answer  # noqa: N815

        def copyfile(self, source: Any, outputfile: Any) -> None:
            content = source.read()
            sent[self.path] = sent.get(self.path, 0) + len(content)
            outputfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/", stop, sent)
    finally:
        if thread.is_alive():
            stop()


@dataclass(frozen=True)
class Photograph:
    """An encoded picture of a digit, and how it was made."""

    content: bytes
    media_type: str
    kind: str
    is_lossless: bool


def photograph_digits(split: Split, count: int, *, seed: int = 0) -> list[Photograph]:
    """Digits on papers of many tones, under uneven light, in the formats of the web."""
    generator = np.random.default_rng(seed)
    return [_photograph(split.images[index], index, generator) for index in range(count)]


def _photograph(digit: NDArray[np.uint8], index: int, generator: np.random.Generator) -> Photograph:
    side = int(generator.integers(60, 320))
    margins = generator.integers(4, 120, 4)
    ink = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)) / 255
    ink = np.pad(ink, ((margins[0], margins[1]), (margins[2], margins[3])))[..., None]
    paper, pen = generator.uniform(200, 250, 3), generator.uniform(10, 110, 3)
    if index % 5 == 4:
        paper, pen = pen, paper
    light = np.linspace(1, generator.uniform(0.6, 1), ink.shape[1])[:, None]
    noise = generator.normal(0, generator.uniform(0, 4), ink.shape)
    colours = np.clip((ink * pen + (1 - ink) * paper) * light + noise, 0, 255).astype(np.uint8)
    picture = Image.fromarray(colours)
    if index % 8 == 7:
        opacity = np.rint(255 * ink[..., 0]).astype(np.uint8)
        solid = np.broadcast_to(pen.astype(np.uint8), colours.shape)
        picture = Image.fromarray(np.dstack([solid, opacity]))
        return _encode(picture, "PNG", "transparent")
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("PNG", "colour", {}),
        ("JPEG", "colour", {"quality": int(generator.integers(60, 96))}),
        ("PNG", "grey", {}),
        ("WEBP", "colour", {"lossless": True}),
        ("JPEG", "turned", {"quality": 90, "exif": _turned(1 + index % 8)}),
        ("BMP", "colour", {}),
        ("PNG", "palette", {}),
        ("JPEG", "grey", {"quality": 85}),
        ("GIF", "palette", {}),
    ]
    form, kind, options = kinds[index % len(kinds)]
    if kind == "grey":
        picture = picture.convert("L")
    elif kind == "palette":
        picture = picture.quantize(64)
    return _encode(picture, form, kind, **options)


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif


def _encode(picture: Image.Image, form: str, kind: str, **options: Any) -> Photograph:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return Photograph(stream.getvalue(), f"image/{form.lower()}", f"{kind} {form}", form != "JPEG")


def visit(page: Page, address: str) -> None:
    """Open the app, and wait until it can read digits and numbers."""
    page.goto(address)
    foot = page.get_by_role("contentinfo")
    expect(foot).to_contain_text("Model ")
    expect(foot).not_to_contain_text("can be read in a moment")


def hold(page: Page, pattern: str) -> list[Route]:
    """Requests of this pattern from now on, in a list that fills: each waits until it is told to go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep)
    return held


READ = """async ({ pictures, pages }) => {
    const { decodePicture, toPage } = await import("/reader/picture.js");
    const { startEngine } = await import("/reader/engine.js");
    const unpack = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    self.parityEngine ??= await startEngine();
    const answers = [];
    for (const [index, [content, type]] of pictures.entries()) {
        const page = toPage(await decodePicture(new Blob([unpack(content)], { type })));
        const expected = unpack(pages[index]);
        let difference = page.grey.length === expected.length ? 0 : 256;
        page.grey.forEach((value, pixel) => {
            difference = Math.max(difference, Math.abs(value - expected[pixel]));
        });
        const { text, probabilities, isDigit, warnings } = await self.parityEngine.read({ page: () => page });
        const codes = warnings.map(({ code }) => code);
        answers.push({ text, probabilities, isDigit, difference, warnings: codes });
    }
    return answers;
}"""


def read_in_browser(
    page: Page, photographs: list[Photograph], pages: list[NDArray[np.uint8]]
) -> list[dict[str, Any]]:
    """Answers of the page's own modules; with each the largest difference of its page to Python's."""

    def pack(content: bytes) -> str:
        return base64.b64encode(content).decode()

    answers = []
    for begin in range(0, len(photographs), 25):
        part = slice(begin, begin + 25)
        pictures = [(pack(each.content), each.media_type) for each in photographs[part]]
        answers += page.evaluate(
            READ, {"pictures": pictures, "pages": [pack(each.tobytes()) for each in pages[part]]}
        )
    return answers
