"""A model adapted to one hand: it reads the hand, keeps what it knew, or stays as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.finetune import HAND, WIDEST
from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError, ModelError, TrainingError
from number_prediction.runs.run import Run
from number_prediction.training.finetuning.finetune import Finetuned, Tuning, finetune
from number_prediction.training.finetuning.forgetting import HELD_OUT, MNIST, OWN, REPLAY, Figure
from number_prediction.training.finetuning.pictures import (
    MIN_PICTURES_TO_HOLD_OUT,
    hold_out,
    load_corrections,
)
from number_prediction.training.finetuning.replay import draw_replay
from number_prediction.training.finetuning.weights import open_model
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.synthesis.pen import write
from number_prediction.training.synthesis.stroke_tables import Writing
from tests.conftest import CommandLine, save_perceptron

QUICK = Tuning(steps=60, batch_size=64, learning_rate=0.01, replay=800, tolerance=0.03)
QUICKEST = Tuning(steps=2, batch_size=32, replay=100, tolerance=1.0)


def draw(writing: Writing, generator: np.random.Generator) -> Image.Image:
    """On light or dark paper, of any size."""
    ink = np.pad(write(writing, generator, widest=WIDEST), 8) / 255
    paper, pen = generator.uniform(170, 255), generator.uniform(0, 60)
    if generator.random() < 0.3:
        paper, pen = pen, paper
    side = int(generator.integers(60, 180))
    page = Image.fromarray((paper + (pen - paper) * ink).astype(np.uint8))
    return page.resize((side, side), Image.Resampling.BICUBIC)


def save_style(folder: Path, count: int, *, seed: int, names: Mapping[int, str] | None = None) -> Path:
    """`count` drawings of each digit of the hand, each in the folder of its name."""
    generator = np.random.default_rng(seed)
    for digit, writing in HAND.items():
        inside = folder / (names or {}).get(digit, str(digit))
        inside.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            draw(writing, generator).save(inside / f"{digit}-{index}.png")
    return folder


def save_digits(folder: Path, digits: Split, *, shift: int = 0) -> Path:
    """MNIST digits, labelled `shift` too high."""
    for index, (frame, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        inside = folder / str((int(label) + shift) % 10)
        inside.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - np.pad(frame, 8)).save(inside / f"{index}.png")
    return folder


def share_read(predictor: Predictor) -> float:
    """Of drawings that nothing was trained on."""
    generator = np.random.default_rng(99)
    digits = [digit for digit in HAND for _ in range(40)]
    answers = predictor.predict_digits([draw(HAND[digit], generator) for digit in digits])
    return float(np.mean([answer.text == str(digit) for digit, answer in zip(digits, answers, strict=True)]))


def figure(done: Finetuned, name: str) -> Figure:
    return next(each for each in done.figures if each.name == name)


@dataclass(frozen=True)
class Adapted:
    data: Path
    done: Finetuned
    model: Predictor


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    folder = tmp_path_factory.mktemp("adapted")
    data = save_style(folder / "my hand", 16, seed=1)
    done = finetune(str(data), folder / "model", tuning=QUICK, threads=1)
    return Adapted(data, done, Predictor(folder / "model"))


def test_pictures_to_adapt_to_may_be_in_memory(mnist: Splits, tmp_path: Path) -> None:
    some = mnist.train.select(np.arange(20))
    pages = 255 - np.pad(np.asarray(some.images), ((0, 0), (8, 8), (8, 8)))
    classes = tuple("0123456789")
    given = load_corrections((torch.tensor(pages), some.labels), classes)
    stored = load_corrections(save_digits(tmp_path / "digits", some), classes)
    key = [frame.tobytes() for frame in np.asarray(given.images)]
    assert sorted(key) == sorted(frame.tobytes() for frame in np.asarray(stored.images))
    assert given.labels.tolist() == some.labels.tolist()
    with pytest.raises(DataError, match=r"given pictures: 5 pictures to train on"):
        load_corrections((pages[:5], some.labels[:5]), classes)


def test_a_style_that_was_misread_is_read(predictor: Predictor, adapted: Adapted) -> None:
    assert share_read(predictor) < 0.5
    assert share_read(adapted.model) >= 0.9


def test_what_it_knew_is_kept(predictor: Predictor, adapted: Adapted, mnist: Splits) -> None:
    pages = np.asarray(mnist.test.images[:1000])
    before, after = (
        np.mean([answer.label for answer in model.predict_digits(pages)] == mnist.test.labels[:1000])
        for model in (predictor, adapted.model)
    )
    assert after >= before - 0.01
    (blank,) = adapted.model.predict_digits([np.full((60, 60), 255, np.uint8)])
    assert blank.label is None


def test_figures_tell_before_and_after(adapted: Adapted) -> None:
    done = adapted.done
    assert done.model == adapted.model.path
    assert not done.reasons
    assert figure(done, OWN).pictures == 26
    assert figure(done, HELD_OUT).pictures == 6
    assert figure(done, HELD_OUT).before <= 0.5
    assert figure(done, HELD_OUT).after >= 0.8
    assert figure(done, MNIST).pictures == 0.6 * QUICK.replay  # the others, it was chosen by
    assert figure(done, REPLAY).pictures > figure(done, MNIST).pictures
    for name in (MNIST, REPLAY):
        assert figure(done, name).fall <= QUICK.tolerance
        assert figure(done, name).before > 0.85


def test_manifest_and_card_say_what_it_came_from(predictor: Predictor, adapted: Adapted) -> None:
    manifest = adapted.model.manifest
    assert manifest is not None
    assert manifest["adapted"]["base"]["sha256"] == predictor.sha256
    assert manifest["adapted"]["data"] == "my hand"
    assert (manifest["adapted"]["pictures"], manifest["adapted"]["held_out"]) == (26, 6)
    assert manifest["training"]["data"] == "mnist"  # it has seen MNIST, as `submission` has to know
    assert manifest["training"]["seed"] == 0
    assert manifest["parity"]["different_labels"] == 0
    assert manifest["is_digit_threshold"] == adapted.model.threshold
    card = adapted.model.path.with_suffix(".md").read_text()
    assert "adapted to my hand" in card
    assert predictor.sha256 in card
    assert f"{100 * figure(adapted.done, HELD_OUT).after:.2f}%" in card
    assert str(adapted.data.parent) not in json.dumps(manifest)


def test_an_adapted_model_can_be_opened_again(adapted: Adapted) -> None:
    opened = open_model(adapted.model)
    assert adapted.model.manifest is not None
    temperature = adapted.model.manifest["training"]["temperature"]
    assert opened.trained.temperature == pytest.approx(temperature, abs=1e-4)
    assert opened.recipe.name == "paper"
    assert opened.trained.classes[-1] == "none"
    assert opened.to_onnx(opened.trained) == adapted.model.read_model()


def test_the_network_in_a_file_is_that_of_its_run(small_run: Run, mnist: Splits) -> None:
    opened, trained = open_model(Predictor(small_run.folder)), load_trained(small_run)
    assert opened.recipe.name == "cnn"
    assert opened.trained.temperature == pytest.approx(trained.temperature)
    frames = torch.tensor(mnist.test.images[:200]).float() / 255
    with torch.no_grad():
        torch.testing.assert_close(
            opened.trained.network(frames), trained.network(frames), atol=1e-4, rtol=1e-4
        )


def test_harm_is_refused_and_the_old_model_stays(adapted: Adapted, mnist: Splits, tmp_path: Path) -> None:
    data = save_digits(tmp_path / "wrong", mnist.train.select(np.arange(60)), shift=3)
    output = adapted.model.path.parent
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    most = replace(QUICK, fewest_new=60, most_new=60, tolerance=Tuning().tolerance)
    done = finetune(str(data), output, model=output, tuning=most, threads=1)
    assert done.model is None
    assert any(REPLAY in reason for reason in done.reasons)
    assert figure(done, REPLAY).fall > 0.01
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_a_training_that_runs_away_is_said_and_the_old_model_stays(
    adapted: Adapted, mnist: Splits, tmp_path: Path
) -> None:
    data = save_digits(tmp_path / "digits", mnist.train.select(np.arange(12)), shift=3)
    output = adapted.model.path.parent
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    fastest = replace(QUICKEST, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"no longer finite.* nothing was written.* another seed"):
        finetune(str(data), output, model=output, tuning=fastest, threads=1)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_a_model_that_learned_nothing_is_not_written(tmp_path: Path, mnist: Splits) -> None:
    data = save_digits(tmp_path / "wrong", mnist.train.select(np.arange(12)), shift=3)
    done = finetune(str(data), tmp_path / "out", tuning=QUICKEST, threads=1)
    assert done.model is None
    assert done.reasons == (
        "the new model reads 0 of your 12 pictures, the old one 0; look for wrong labels",
    )
    assert any("held out" in doubt for doubt in done.doubts)
    assert any("100% of the pictures" in doubt for doubt in done.doubts)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_where_nothing_is_to_be_learned(tmp_path: Path, mnist: Splits) -> None:
    data = save_digits(tmp_path / "right", mnist.train.select(np.arange(12)))
    said: list[str] = []
    done = finetune(str(data), tmp_path / "out", tuning=QUICKEST, threads=1, announce=said.append)
    assert said == ["0 of your 12 pictures are read wrong"]
    assert (done.model, done.reasons) == (None, ())
    assert [each.before for each in done.figures] == [1.0]
    assert not (tmp_path / "out").exists()


def test_the_command_ends_well_where_nothing_is_to_be_learned(
    command_line: CommandLine, mnist: Splits, tmp_path: Path
) -> None:
    save_digits(tmp_path / "right", mnist.train.select(np.arange(12)))
    done = command_line("finetune", "right", "--output", "out", "--threads", "1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode().startswith("0 of your 12 pictures are read wrong")
    assert b"there is nothing to adapt to" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_forgetting_check_has_pictures_of_its_own() -> None:
    replay = draw_replay(200, abstains=True, seed=0)
    parts = (replay.trained, replay.chosen_by.mnist, replay.checked.mnist)
    seen = [{frame.tobytes() for frame in np.asarray(part.images)} for part in parts]
    assert not seen[2] & (seen[0] | seen[1])
    assert (len(seen[1]), len(seen[2])) == (80, 120)
    companions = {frame.tobytes() for frame in np.asarray(replay.checked.accompanied.images[120:])}
    assert not companions & seen[0]


def test_the_same_seed_gives_the_same_model_also_of_one_that_cannot_abstain(
    small_run: Run, adapted: Adapted, tmp_path: Path
) -> None:
    tuning = replace(QUICKEST, steps=6, learning_rate=0.05)
    folders = [tmp_path / name for name in ("first", "again", "other")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        done = finetune(
            str(adapted.data),
            folder,
            model=small_run.folder,
            seed=seed,
            threads=1,
            tuning=tuning,
        )
        assert done.model is not None, done.figures
        assert [each.name for each in done.figures] == [OWN, HELD_OUT, MNIST, REPLAY]
    first, again, other = (Predictor(folder).sha256 for folder in folders)
    assert first == again
    assert first != other


def test_pictures_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    digits = tuple("0123456789")
    save_style(tmp_path / "few", 4, seed=1)
    with pytest.raises(DataError, match="8 pictures to train on; a model is adapted to 10 to 1,000"):
        load_corrections(str(tmp_path / "few"), digits)
    save_style(tmp_path / "words", 5, seed=1, names={0: "zero"})
    with pytest.raises(DataError, match="the model has no class zero; it has 0, 1"):
        load_corrections(str(tmp_path / "words"), digits)
    save_style(tmp_path / "none", 5, seed=1, names={0: "none"})
    with pytest.raises(DataError, match=r"no class none \(it cannot learn to refuse\)"):
        load_corrections(str(tmp_path / "none"), digits)
    assert len(load_corrections(str(tmp_path / "none"), (*digits, "none"))) == 10
    save_style(tmp_path / "blank", 5, seed=1)
    Image.new("L", (40, 40), 255).save(tmp_path / "blank" / "6" / "paper.png")
    with pytest.raises(DataError, match=r"found no ink in .*paper\.png, a 6"):
        load_corrections(str(tmp_path / "blank"), digits)
    with pytest.raises(DataError, match="55,000 pictures"):
        load_corrections("mnist", digits)


def test_models_that_cannot_be_adapted_are_refused(tmp_path: Path, small_run: Run, adapted: Adapted) -> None:
    data = str(adapted.data)
    with pytest.raises(DataError, match="holds a run, whose model is never replaced"):
        finetune(data, small_run.folder)
    weights = [np.ones((10, 784), np.float32)]
    other = save_perceptron(tmp_path / "other.onnx", weights, [str(digit) for digit in range(10)])
    with pytest.raises(ModelError, match=r"other\.onnx: its weights fit no recipe"):
        finetune(data, tmp_path / "out", model=other)
    letters = save_perceptron(tmp_path / "letters.onnx", weights, list("abcdefghij"))
    with pytest.raises(ModelError, match="only models of the ten digits can be adapted"):
        finetune(data, tmp_path / "out", model=letters)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=80), st.integers(0, 9))
def test_each_class_that_is_held_out_is_trained_on(labels: list[int], seed: int) -> None:
    images = np.arange(len(labels), dtype=np.uint8)[:, np.newaxis, np.newaxis]
    split = Split(images, np.array(labels, np.uint8), (*"0123456789", "none"))
    kept, held_out = hold_out(split, 0.2, seed=seed)
    assert sorted([*kept.images.ravel(), *held_out.images.ravel()]) == list(range(len(labels)))
    assert set(held_out.labels) <= set(kept.labels)
    if len(labels) < MIN_PICTURES_TO_HOLD_OUT:
        assert len(held_out) == 0
    else:
        assert len(held_out) <= 0.2 * len(labels) + 1


@pytest.mark.slow
def test_the_command_prints_figures_and_the_folder(command_line: CommandLine, tmp_path: Path) -> None:
    save_style(tmp_path / "hand", 15, seed=1, names={0: "none"})
    quick = ("--replay", "100", "--tolerance", "100", "--threads", "1")
    done = command_line("finetune", "hand", "--output", "out", "--steps", "90", *quick)
    assert done.returncode == 0, done.stderr.decode()
    assert b"your pictures, held out" in done.stdout
    assert done.stdout.decode().splitlines()[-1] == "out"
    manifest = json.loads((tmp_path / "out" / "model.json").read_text())
    assert manifest["training"]["command"].startswith("number-prediction finetune hand")
    picture = next((tmp_path / "hand" / "6").iterdir())
    assert command_line("predict", picture, "--model", "out").returncode == 0


def test_the_command_fails_where_the_old_model_is_kept(
    command_line: CommandLine, mnist: Splits, tmp_path: Path
) -> None:
    save_digits(tmp_path / "wrong", mnist.train.select(np.arange(12)), shift=3)
    done = command_line("finetune", "wrong", "--steps", "1", "--replay", "100", "--threads", "1")
    assert done.returncode == 1
    assert b"error: the new model reads 0 of your 12 pictures" in done.stderr
    assert b"kept the old model; nothing was written" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_help_names_the_defaults(command_line: CommandLine) -> None:
    words = " ".join(command_line("finetune", "--help").stdout.decode().split())
    tuning = Tuning()
    for default in (tuning.steps, tuning.replay, 100 * tuning.tolerance):
        assert f"[default: ({default})" in words
