"""The offline app: page, graphs and ONNX Runtime for browsers -> a folder that any web server serves.

    python offline/build.py FOLDER

Needs the packages of package.json beside this file (npm ci). What the page loads at first is small with any
server: the runtime is packed by gzip, and unpacked by the page. What only the view "Inside" shows (the
network with its layers as outputs, nearest training digits, hard cases) is loaded when that is opened.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

import number_prediction
from number_prediction.datasets.mnist import load_mnist
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.digits.warnings import WARNINGS
from number_prediction.evaluation.network import Network
from number_prediction.files import write_together

PAGE = Path(number_prediction.__file__).parent / "web" / "page"
RUNTIME = Path(__file__).parent / "node_modules" / "onnxruntime-web"
SCRIPT, MODULE, BINARY = "ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"
NUMBER = "models/number.onnx"
NEIGHBOURS = 1000
"""Training digits that the nearest are looked for among, as many of each label."""
HARD_CASES = 24
COLUMNS = 40
"""Tiles side by side in a sprite."""


def main() -> None:
    """Build, and say how large a first visit is."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    if not RUNTIME.is_dir():
        sys.exit(f"{RUNTIME}: missing; run: npm ci --prefix {Path(__file__).parent}")
    contents = build()
    shutil.rmtree(folder, ignore_errors=True)
    write_together(folder, contents)
    first = sum(len(gzip.compress(contents[name])) for name in first_load(contents))
    print(f"{folder}: {len(contents)} files, first load {first / 1e6:.2f} MB compressed")


def build() -> dict[str, bytes]:
    """All files by their path in the folder."""
    predictor = Predictor()
    contents = {
        path.relative_to(PAGE).as_posix(): path.read_bytes()
        for path in sorted(PAGE.rglob("*"))
        if path.is_file()
    }
    runtime = (RUNTIME / "dist" / BINARY).read_bytes()
    contents |= {
        f"engine/{SCRIPT}": (RUNTIME / "dist" / SCRIPT).read_bytes(),
        f"engine/{MODULE}": (RUNTIME / "dist" / MODULE).read_bytes(),
        "engine/runtime.bin": gzip.compress(runtime, 9, mtime=0),
        "models/digit.onnx": predictor.read_model(),
    }
    number = number_model(predictor.path.with_name("number.onnx"))
    if number is not None:
        contents[NUMBER] = predictor.path.with_name("number.onnx").read_bytes()
    contents |= {f"learn/{name}": content for name, content in learn(predictor).items()}
    contents["config.json"] = to_json(configuration(predictor, number))
    contents["files.js"] = files(contents)
    return contents


def number_model(path: Path) -> dict[str, Any] | None:
    """What config.json says of the model for whole numbers; None where the package has none."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    metadata = {item.key: item.value for item in onnx.load_from_string(content).metadata_props}
    return {
        "file": NUMBER,
        "sha256": hashlib.sha256(content).hexdigest(),
        "glyphs": json.loads(metadata["glyphs"]),
    }


def configuration(predictor: Predictor, number: dict[str, Any] | None) -> dict[str, Any]:
    """What config.json says: that the browser itself reads, and with what."""
    return {
        "engine": "browser",
        "version": number_prediction.__version__,
        "runtime": {"wasm": "engine/runtime.bin", "module": f"engine/{MODULE}"},
        "models": {
            "digit": {
                "file": "models/digit.onnx",
                "sha256": predictor.sha256,
                "classes": list(predictor.classes),
                "is_digit_threshold": predictor.threshold,
                "measures": list(predictor.measures),
            },
            "number": number,
        },
        "warnings": [asdict(rule) for rule in WARNINGS],
        "learn": "learn/learn.json",
    }


def files(contents: dict[str, bytes]) -> bytes:
    """What the service worker keeps at once, and what it keeps once it was asked for."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name} {hashlib.sha256(contents[name]).hexdigest()}\n".encode())
    core = sorted(name for name in contents if not name.startswith("learn/") and name != "sw.js")
    listed = {
        "version": digest.hexdigest()[:16],
        "core": ["./", *core],
        "later": sorted(name for name in contents if name.startswith("learn/")),
    }
    return f"self.FILES = {json.dumps(listed, indent=1)};\n".encode()


def first_load(contents: dict[str, bytes]) -> list[str]:
    """Names of the files that are needed to read a digit; the model for whole numbers comes after them."""
    return sorted(name for name in contents if not name.startswith("learn/") and name != NUMBER)


def learn(predictor: Predictor) -> dict[str, bytes]:
    """What the view "Inside" shows, see page/learn.js."""
    network = Network(predictor).with_layers()
    content = network.SerializeToString()
    layers = [output.name for output in network.graph.output][:-1]
    session = onnxruntime.InferenceSession(content)
    mnist = load_mnist()
    nearest = spread(mnist.train, NEIGHBOURS)
    embeddings = embed(session, layers[-1], mnist.train.images[nearest])
    scale = embeddings.max(0) / 255
    quantised = np.rint(embeddings / np.where(scale > 0, scale, 1)).astype(np.uint8)
    answers = predictor.predict_digits(mnist.validation.images)
    hard = hardest([answer.probabilities for answer in answers], mnist.validation.labels)
    return {
        "digit-layers.onnx": content,
        "near.png": sprite(mnist.train.images[nearest]),
        "near.bin": quantised.tobytes(),
        "hard.png": sprite(mnist.validation.images[hard]),
        "learn.json": to_json(
            {
                "network": {
                    "file": "digit-layers.onnx",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "layers": layers,
                },
                "near": {
                    "sprite": "near.png",
                    "embeddings": "near.bin",
                    "columns": COLUMNS,
                    "size": embeddings.shape[1],
                    "scale": scale.tolist(),
                    "labels": mnist.train.labels[nearest].tolist(),
                    "indices": nearest.tolist(),
                },
                "hard": {
                    "sprite": "hard.png",
                    "columns": COLUMNS,
                    "cases": [
                        {
                            "label": int(mnist.validation.labels[index]),
                            "text": answers[index].text,
                            "confidence": answers[index].confidence,
                        }
                        for index in hard
                    ],
                },
            }
        ),
    }


def spread(split: Split, count: int) -> NDArray[np.intp]:
    """Indices of as many pictures of each label, evenly over the split."""
    chosen = []
    for label in range(len(split.classes)):
        of_label = np.flatnonzero(split.labels == label)
        chosen.append(
            of_label[np.linspace(0, len(of_label) - 1, count // len(split.classes)).astype(np.intp)]
        )
    return np.sort(np.concatenate(chosen))


def hardest(probabilities: list[NDArray[np.float32]], labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Indices of what is read with least probability of its label, at most four of a label, hardest first."""
    shares = np.array([answer[label] for answer, label in zip(probabilities, labels, strict=True)])
    chosen: list[int] = []
    for index in np.argsort(shares, kind="stable"):
        if (labels[chosen] == labels[index]).sum() < 4:
            chosen.append(int(index))
        if len(chosen) == HARD_CASES:
            break
    return np.array(chosen, np.intp)


def embed(
    session: onnxruntime.InferenceSession, layer: str, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """(N, D) what a layer makes of MNIST pictures."""
    parts = [
        session.run([layer], {"frame": images[begin : begin + 100].astype(np.float32) / 255})[0]
        for begin in range(0, len(images), 100)
    ]
    values: NDArray[np.float32] = np.concatenate(parts)
    return values.reshape(len(images), -1)


def sprite(tiles: NDArray[np.uint8]) -> bytes:
    """PNG of tiles (N, 28, 28) in rows of COLUMNS."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, *tiles.shape[1:]), np.uint8)
    sheet[: len(tiles)] = tiles
    grid = sheet.reshape(rows, COLUMNS, *tiles.shape[1:]).swapaxes(1, 2)
    stream = io.BytesIO()
    Image.fromarray(grid.reshape(rows * tiles.shape[1], -1)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def to_json(value: dict[str, Any]) -> bytes:
    """UTF-8, ended by a newline."""
    return (json.dumps(value, indent=1) + "\n").encode()


if __name__ == "__main__":
    main()
