"""What the model saw, as a picture and as a file beside each row of results."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from number_prediction.datasets.split import Splits
from number_prediction.digits.drawing import MAX_BARS, TILE_PX, draw_seen, encode_seen
from number_prediction.digits.prediction import DigitPrediction
from number_prediction.digits.predictor import Predictor
from number_prediction.pipeline.rows import Row, save_drawings
from tests.conftest import CommandLine, save_perceptron

BAR = (0x2F, 0x6D, 0xB5)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


@pytest.fixture(scope="module")
def explained(predictor: Predictor, mnist: Splits) -> DigitPrediction:
    (answer,) = predictor.predict_digits(
        [255 - np.kron(mnist.test.images[0], np.ones((9, 5), np.uint8))], explain=True
    )
    return answer


def bars(picture: Image.Image) -> int:
    """Pixels of the colour of bars."""
    return int((np.asarray(picture) == BAR).all(2).sum())


def test_picture_ink_and_frame_stand_side_by_side(explained: DigitPrediction) -> None:
    drawn = np.asarray(draw_seen(explained).convert("L")).astype(int)
    assert explained.ink is not None
    dark = [part.min() for part in np.array_split(drawn[30:TILE_PX], 4, axis=1)]
    assert max(dark[:3]) < 60
    without_ink = replace(explained, ink=np.zeros_like(explained.ink))
    changed = np.flatnonzero((np.asarray(draw_seen(without_ink).convert("L")) != drawn).any(0))
    assert changed.min() > TILE_PX
    assert changed.max() < 2.2 * TILE_PX


def test_the_bar_is_as_long_as_the_probability(explained: DigitPrediction) -> None:
    assert explained.label == 7
    full = bars(draw_seen(replace(explained, probabilities=np.eye(10, dtype=np.float32)[7])))
    half = bars(draw_seen(replace(explained, probabilities=np.eye(10, dtype=np.float32)[7] / 2)))
    assert half == pytest.approx(full / 2, rel=0.05)
    assert bars(draw_seen(replace(explained, label=None))) == 0


def test_each_warning_has_a_line(explained: DigitPrediction) -> None:
    without = draw_seen(replace(explained, warnings=()))
    two = draw_seen(replace(explained, warnings=("faint", "thin")))
    assert two.height > without.height
    assert two.width == without.width


def test_of_many_classes_the_most_probable_have_bars(tmp_path: Path, mnist: Splits) -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, (30, 784)).astype(np.float32)
    path = save_perceptron(tmp_path / "model.onnx", [weights], [f"sign {n}" for n in range(30)])
    (answer,) = Predictor(path).predict_digits(mnist.test.images[:1], explain=True)
    kept = np.argsort(-answer.probabilities)[:MAX_BARS]
    others = np.zeros_like(answer.probabilities)
    others[kept] = answer.probabilities[kept]
    assert draw_seen(answer).tobytes() == draw_seen(replace(answer, probabilities=others)).tobytes()


def test_what_was_not_explained_cannot_be_drawn(predictor: Predictor, mnist: Splits) -> None:
    (answer,) = predictor.predict_digits(mnist.test.images[:1])
    with pytest.raises(ValueError, match="explain=True"):
        draw_seen(answer)


def test_drawings_are_called_after_their_sources_each_by_its_own_name(
    explained: DigitPrediction, tmp_path: Path
) -> None:
    drawing = encode_seen(explained)
    names = ["a/x.png", "b/X.png", "c/y.tiff", "-", "c_z.png", "c/z.png", "d/z.png"]
    rows = [Row(name, 1, {"n": 1}, drawing=drawing) for name in names]
    rows += [Row("c/y.tiff", 2, {"n": 1}, drawing=drawing), Row("c/y.tiff", 3, error="cut off")]
    saved = list(save_drawings(rows, names, tmp_path / "new" / "folder"))
    paths = [Path(row.values["explanation"]) for row in saved if row.error is None]
    assert len(set(paths)) == len(names) + 1
    assert {path.name for path in paths} >= {
        "y.explained.png",
        "y-page2.explained.png",
        "stdin.explained.png",
        "a_x.png.explained.png",
    }
    assert all(size_of(path)[0] > 4 * TILE_PX for path in paths)
    assert [row.error for row in saved] == [None] * 8 + ["cut off"]
    assert all(row.drawing is None and row.values.get("n", 1) == 1 for row in saved)


def test_predict_explains_into_a_folder(command_line: CommandLine, tmp_path: Path, mnist: Splits) -> None:
    Image.fromarray(mnist.test.images[0]).save(tmp_path / "seven.png")
    Image.new("L", (40, 50), 255).save(tmp_path / "empty.png")
    arguments = ("predict", "seven.png", "empty.png", "missing.png", "--explain", "seen", "--format")
    done = command_line(*arguments, "json")
    assert done.returncode == 1
    assert b"drawings: seen" in done.stderr
    seven, empty, missing = json.loads(done.stdout)
    assert [warning["code"] for warning in seven["warnings"]] == ["inverted"]
    assert [warning["code"] for warning in empty["warnings"]] == ["blank"]
    assert "explanation" not in missing
    assert size_of(tmp_path / seven["explanation"])[1] > TILE_PX
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {
        "seven.explained.png",
        "empty.explained.png",
    }
    rows = list(csv.DictReader(io.StringIO(command_line(*arguments, "csv").stdout.decode())))
    assert [row["warnings"] for row in rows] == ["inverted", "blank", ""]
    assert [row["explanation"] for row in rows] == [seven["explanation"], empty["explanation"], ""]


def test_the_table_names_warnings_and_says_each_once_below(
    command_line: CommandLine, tmp_path: Path, mnist: Splits
) -> None:
    for index in range(3):
        Image.fromarray(mnist.test.images[index]).save(tmp_path / f"{index}.png")
    done = command_line("predict", "0.png", "1.png", "2.png")
    text = done.stdout.decode()
    assert text.count("inverted") == 4
    assert text.count("light writing on dark paper") == 1
    assert not (tmp_path / "seen").exists()
