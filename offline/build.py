"""Build the offline app: page, models and ONNX Runtime for browsers -> a folder for any web server.

    python offline/build.py FOLDER [--npm PACKAGE]

PACKAGE gets the same engine as an ES module for the pages of others: offline/npm describes it.

Run `npm ci --prefix offline` first. The build compresses the runtime with gzip and the page unpacks it, so
the first load is small with any server. The files of the view "Inside" are loaded when it is opened: the
network with its layers as outputs, the nearest training digits, and hard cases.
"""

from __future__ import annotations

import argparse
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
MODULE_SOURCES = Path(__file__).parent / "npm"
MODULES_OF_PAGE = (
    "cards/pad.js",
    *(f"reader/{name}.js" for name in ("engine", "worker", "lattice", "ink", "picture", "grey", "reading")),
)
"""Modules of the page that the ES module for the pages of others consists of."""
RUNTIME = Path(__file__).parent / "node_modules" / "onnxruntime-web"
SCRIPT, MODULE, BINARY = "ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"
NUMBER = "models/number.onnx"
NEIGHBOUR_COUNT = 1000
"""Training digits among which the nearest are searched, equally many per label."""
HARD_CASE_COUNT = 24
MAX_HARD_CASES_PER_LABEL = 4
SPRITE_COLUMNS = 40
"""Tiles per row of a sprite."""


def main() -> None:
    """Build the app, and the ES module if wanted; print the size of the first load."""
    parser = argparse.ArgumentParser(description="Build the offline app.")
    parser.add_argument("folder", type=Path, help="folder of the app; an older one is replaced")
    parser.add_argument("--npm", type=Path, metavar="PACKAGE", help="folder of the ES module")
    options = parser.parse_args()
    folder: Path = options.folder
    if not RUNTIME.is_dir():
        sys.exit(f"{RUNTIME} does not exist; run: npm ci --prefix {Path(__file__).parent}")
    contents = build()
    shutil.rmtree(folder, ignore_errors=True)
    write_together(folder, contents)
    if options.npm:
        shutil.rmtree(options.npm, ignore_errors=True)
        write_together(options.npm, npm_package(contents))
    first = sum(len(gzip.compress(contents[name])) for name in first_load(contents))
    print(f"{folder}: {len(contents)} files, first load {first / 1e6:.2f} MB compressed")


def build() -> dict[str, bytes]:
    """Return the content of all files by their path in the folder."""
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


def npm_package(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of the ES module by their path; `contents` are those of the app."""
    of_app = [name for name in contents if name.startswith(("engine/", "models/"))]
    config = {name: value for name, value in json.loads(contents["config.json"]).items() if name != "learn"}
    description = {
        "name": "number-prediction",
        "version": number_prediction.__version__,
        "description": "Read handwritten digits and numbers in the browser",
        "license": "MIT",
        "type": "module",
        "exports": {".": {"types": "./index.d.ts", "default": "./index.js"}},
        "types": "./index.d.ts",
        "sideEffects": ["./index.js"],
    }
    return {
        **{path.name: path.read_bytes() for path in sorted(MODULE_SOURCES.iterdir())},
        **{name: contents[name] for name in (*MODULES_OF_PAGE, *of_app)},
        "config.json": to_json(config),
        "package.json": to_json(description),
        "LICENSE": (Path(__file__).parents[1] / "LICENSE").read_bytes(),
    }


def number_model(path: Path) -> dict[str, Any] | None:
    """Describe the model for numbers for config.json; None if the package has none."""
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
    """Return the content of config.json: the browser reads, with these models and rules."""
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
    """Return the list of files that the service worker stores at once, and of those it stores when used."""
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
    """Return the names of the files needed to read a digit; the model for numbers is loaded later."""
    return sorted(name for name in contents if not name.startswith("learn/") and name != NUMBER)


def learn(predictor: Predictor) -> dict[str, bytes]:
    """Return the files of the view "Inside"; page/cards/learn.js describes them."""
    network = Network(predictor).with_layers()
    content = network.SerializeToString()
    layers = [output.name for output in network.graph.output][:-1]
    session = onnxruntime.InferenceSession(content)
    mnist = load_mnist()
    nearest = spread(mnist.train, NEIGHBOUR_COUNT)
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
                    "columns": SPRITE_COLUMNS,
                    "size": embeddings.shape[1],
                    "scale": scale.tolist(),
                    "labels": mnist.train.labels[nearest].tolist(),
                    "indices": nearest.tolist(),
                },
                "hard": {
                    "sprite": "hard.png",
                    "columns": SPRITE_COLUMNS,
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
    """Return indices of equally many pictures of each label, spread evenly over the split."""
    chosen = []
    for label in range(len(split.classes)):
        of_label = np.flatnonzero(split.labels == label)
        chosen.append(
            of_label[np.linspace(0, len(of_label) - 1, count // len(split.classes)).astype(np.intp)]
        )
    return np.sort(np.concatenate(chosen))


def hardest(probabilities: list[NDArray[np.float32]], labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return indices of the pictures whose label has the lowest probability, hardest first."""
    shares = np.array([answer[label] for answer, label in zip(probabilities, labels, strict=True)])
    chosen: list[int] = []
    for index in np.argsort(shares, kind="stable"):
        if (labels[chosen] == labels[index]).sum() < MAX_HARD_CASES_PER_LABEL:
            chosen.append(int(index))
        if len(chosen) == HARD_CASE_COUNT:
            break
    return np.array(chosen, np.intp)


def embed(
    session: onnxruntime.InferenceSession, layer: str, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Compute a layer, (N, D), for MNIST pictures."""
    parts = [
        session.run([layer], {"frame": images[begin : begin + 100].astype(np.float32) / 255})[0]
        for begin in range(0, len(images), 100)
    ]
    values: NDArray[np.float32] = np.concatenate(parts)
    return values.reshape(len(images), -1)


def sprite(tiles: NDArray[np.uint8]) -> bytes:
    """Return a PNG of tiles (N, 28, 28) in rows of SPRITE_COLUMNS."""
    rows = -(-len(tiles) // SPRITE_COLUMNS)
    sheet = np.zeros((rows * SPRITE_COLUMNS, *tiles.shape[1:]), np.uint8)
    sheet[: len(tiles)] = tiles
    grid = sheet.reshape(rows, SPRITE_COLUMNS, *tiles.shape[1:]).swapaxes(1, 2)
    stream = io.BytesIO()
    Image.fromarray(grid.reshape(rows * tiles.shape[1], -1)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def to_json(value: dict[str, Any]) -> bytes:
    """Encode as JSON in UTF-8 with a final newline."""
    return (json.dumps(value, indent=1) + "\n").encode()


if __name__ == "__main__":
    main()
