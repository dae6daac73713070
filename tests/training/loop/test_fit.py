"""Training: reproducible, resumable after any interruption, and safe on a full disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.datasets.split import Split, Splits
from number_prediction.digits.prediction import DEFAULT_THRESHOLD
from number_prediction.errors import DataError, TrainingError
from number_prediction.runs.run import Run
from number_prediction.training.augmentation.affine import Augmentation
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.loop.batches import Batches
from number_prediction.training.loop.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    choose_threshold,
    fit_temperature,
)
from number_prediction.training.loop.checkpoint import load_checkpoint, save_checkpoint
from number_prediction.training.loop.devices import usable_precision
from number_prediction.training.loop.fit import fit, learning_rate
from number_prediction.training.loop.muon import orthogonalize
from number_prediction.training.loop.state import make_optimizer
from number_prediction.training.recipes import RECIPES, Recipe, get_recipe

EVERYTHING = Augmentation(rotation=10, shift=2, scale=0.1, shear=0.1, elastic=1.0, stroke=0.5)
RECIPE = replace(
    get_recipe("cnn"), epochs=3, min_batches=0, batch_size=32, ema_decay=0.9, augmentation=EVERYTHING
)
STEPS = 93
"""Batches of this recipe over `part`."""

TRAIN = """
import sys
from pathlib import Path
from number_prediction import Splits, load_mnist
from number_prediction.runs.run import Run
from number_prediction.training.loop.fit import Interrupted, fit
splits = load_mnist()
part = Splits(splits.train.select(slice(0, 1000)), splits.validation.select(slice(0, 100)), splits.test)
print("loaded", flush=True)
try:
    for record in fit(Run(Path(sys.argv[1])), part):
        print(record.step, flush=True)
except Interrupted:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def part(mnist: Splits) -> Splits:
    return Splits(mnist.train.select(slice(0, 1000)), mnist.validation.select(slice(0, 100)), mnist.test)


def start(folder: Path, recipe: Recipe = RECIPE, seed: int = 0) -> Run:
    return start_run(recipe, folder, seed=seed, threads=1)


def train(run: Run, splits: Splits) -> dict[str, torch.Tensor]:
    for _ in fit(run, splits):
        pass
    return load_checkpoint(run.checkpoint_path)[0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, part: Splits) -> dict[str, torch.Tensor]:
    return train(start(tmp_path_factory.mktemp("runs") / "undisturbed"), part)


def assert_identical(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("is_native", [True, False])
def test_bf16_is_used_where_the_processor_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, *, is_native: bool
) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: is_native, raising=False)
    processor = torch.device("cpu")
    assert usable_precision("bf16", processor) == ("bf16" if is_native else "fp32")
    assert usable_precision("fp32", processor) == "fp32"


@contextmanager
def training_process(run: Run, program: str = TRAIN) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", program, str(run.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process


def wait_for_line(process: subprocess.Popen[bytes], wanted: int | str) -> None:
    """Read what the process prints until it has logged that batch."""
    assert process.stdout is not None
    for line in process.stdout:
        text = line.decode().strip()
        if text == str(wanted) or (isinstance(wanted, int) and text.isdigit() and int(text) >= wanted):
            return
    raise AssertionError(f"the training ended before {wanted}")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tmp_path: Path, part: Splits, undisturbed: dict[str, torch.Tensor]
) -> None:
    assert_identical(train(start(tmp_path / "again"), part), undisturbed)
    other = train(start(tmp_path / "other", seed=1), part)
    assert not torch.equal(other["network.1.layers.0.0.weight"], undisturbed["network.1.layers.0.0.weight"])


@pytest.mark.parametrize("moment", ["loaded", 20, 80])
def test_a_killed_training_resumes_to_identical_weights(
    tmp_path: Path, part: Splits, undisturbed: dict[str, torch.Tensor], moment: int | str
) -> None:
    run = start(tmp_path / "killed")
    with training_process(run) as process:
        wait_for_line(process, moment)
        process.kill()
    assert_identical(train(run, part), undisturbed)
    steps = [record.step for record in run.records() if record.loss is not None]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_ctrl_c_saves_where_it_stands(
    tmp_path: Path, part: Splits, undisturbed: dict[str, torch.Tensor]
) -> None:
    run = start(tmp_path / "interrupted")
    with training_process(run) as process:
        wait_for_line(process, 40)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    _, metadata = load_checkpoint(run.checkpoint_path)
    assert 40 <= metadata["step"] < STEPS
    assert_identical(train(run, part), undisturbed)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "full")
    limited = TRAIN.replace(
        'print("loaded", flush=True)',
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))",
    )
    records = fit(run, part)
    while next(records).step < 40:
        pass
    records.close()
    tensors, metadata = load_checkpoint(run.checkpoint_path)
    with training_process(run, limited) as process:
        _, message = process.communicate()
    assert process.returncode == 1
    assert b"TrainingError" in message
    assert f"train --resume {run.folder}" in message.decode()
    assert_identical(load_checkpoint(run.checkpoint_path)[0], tensors)
    assert load_checkpoint(run.checkpoint_path)[1] == metadata


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    start(tmp_path / "run")
    with pytest.raises(DataError, match="--resume"):
        start(tmp_path / "run")


def test_a_changed_data_set_is_not_resumed_on(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "run", replace(RECIPE, epochs=0.2))
    train(run, part)
    smaller = part._replace(train=part.train.select(slice(0, 500)))
    with pytest.raises(TrainingError, match="data set"):
        train(run, smaller)


def test_a_loss_that_is_no_number_is_said(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "run", replace(RECIPE, learning_rate=1e12, precision="fp32"))
    with pytest.raises(TrainingError, match="--learning-rate"):
        train(run, part)


@pytest.mark.parametrize("name", ["fast", "mlp", "cnn", "resnet", "micro", "tiny"])
def test_a_recipe_learns(tmp_path: Path, mnist: Splits, name: str) -> None:
    """test_handwriting_recipe.py and test_fit_numbers.py test the others."""
    run = start(tmp_path / name, replace(get_recipe(name), epochs=2, min_batches=0, batch_size=32))
    few = Splits(mnist.train.select(slice(0, 2000)), mnist.validation.select(slice(0, 300)), mnist.test)
    train(run, few)
    accuracies = [r.validation_accuracy for r in run.records() if r.validation_accuracy is not None]
    assert accuracies[-1] > 0.85


def test_two_classes_and_few_images_train(tmp_path: Path, mnist: Splits) -> None:
    def ones_and_twos(split: Split, count: int) -> Split:
        chosen = np.flatnonzero((split.labels == 1) | (split.labels == 2))[:count]
        return Split(split.images[chosen], split.labels[chosen] - np.uint8(1), ("one", "two"))

    splits = Splits(ones_and_twos(mnist.train, 20), ones_and_twos(mnist.validation, 10), mnist.test)
    weights = train(start(tmp_path / "run"), splits)
    assert weights["network.1.layers.5.bias"].shape == (2,)


def test_a_small_data_set_is_gone_through_more_often(tmp_path: Path, part: Splits) -> None:
    small = Splits(*(split.select(slice(0, 20)) for split in part))
    run = start(tmp_path / "run", replace(RECIPE, epochs=1, min_batches=30))
    train(run, small)
    assert run.records()[-1].step == 30


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    rates = [learning_rate(RECIPE, step, 100) for step in range(100)]
    assert max(rates) == pytest.approx(RECIPE.learning_rate, rel=0.05)
    assert rates.index(max(rates)) == pytest.approx(100 * RECIPE.warmup, abs=1)
    assert rates[0] < 0.1 * RECIPE.learning_rate
    assert 0 < rates[-1] < 0.02 * RECIPE.learning_rate


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_muon_goes_equally_far_in_all_directions(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    before, after = (torch.linalg.svdvals(each) for each in (matrix, orthogonalize(matrix)))
    assert before.max() / before[:6].min() > 1.2
    assert after[:6].max() < 1.3
    assert after[:6].min() > 0.6


@pytest.mark.parametrize(("name", "heads"), [("cnn", 1), ("number", 2)])
def test_muon_leaves_the_layers_that_give_the_logits(name: str, heads: int) -> None:
    recipe = get_recipe(name)
    groups = make_optimizer(recipe, recipe.architecture(10)).param_groups
    plain = [
        weights
        for group in groups
        if not group["orthogonal"]
        for weights in group["params"]
        if weights.ndim > 1
    ]
    assert len(plain) == heads
    assert all(len(weights) % 10 == 0 for weights in plain)


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="mlp, cnn, resnet"):
        get_recipe("transformer")


@pytest.mark.parametrize(("name", "most"), [("micro", 2_000), ("tiny", 10_000)])
def test_small_networks_have_few_parameters(name: str, most: int) -> None:
    network = get_recipe(name).architecture(10)
    assert sum(parameter.numel() for parameter in network.parameters()) <= most


def test_the_perceptron_has_the_layers_of_its_summary() -> None:
    weights = [value.shape for value in get_recipe("mlp").architecture(10).parameters() if value.ndim == 2]
    assert weights == [(128, 784), (64, 128), (10, 64)]


def test_a_recipe_says_how_often_it_validates(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "run", replace(RECIPE, epochs=1, validations=1))
    train(run, part)
    validated = [record.step for record in run.records() if record.validation_accuracy is not None]
    assert validated == [run.records()[-1].steps]


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet", "best"])
def test_a_recipe_survives_its_file(name: str) -> None:
    changed = replace(RECIPES[name], epochs=7, augmentation=EVERYTHING)
    assert Recipe.from_dict(changed.to_dict()) == changed


def test_a_recipe_of_another_version_is_refused() -> None:
    with pytest.raises(TrainingError, match="dropout"):
        Recipe.from_dict({**RECIPE.to_dict(), "dropout": 0.5})


def frames(mnist: Splits, count: int) -> torch.Tensor:
    return torch.tensor(mnist.train.images[:count]) / 255


def test_augmentation_is_seeded_and_stays_in_range(mnist: Splits) -> None:
    first, second, other = (
        EVERYTHING(frames(mnist, 64), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6
    assert first.shape == (64, 28, 28)


def test_no_augmentation_changes_nothing(mnist: Splits) -> None:
    nothing = Augmentation(rotation=0, shift=0, scale=0, shear=0)
    assert torch.equal(nothing(frames(mnist, 8), torch.Generator()), frames(mnist, 8))


@pytest.mark.parametrize("kind", ["rotation", "shift", "scale", "shear", "elastic", "stroke"])
def test_each_augmentation_changes_digits_but_never_mirrors_them(mnist: Splits, kind: str) -> None:
    largest = {"rotation": 15, "shift": 2, "scale": 0.15, "shear": 0.15, "elastic": 1.0, "stroke": 1.0}
    none = dict.fromkeys(("rotation", "shift", "scale", "shear"), 0.0)
    original = frames(mnist, 500)
    changed = Augmentation(**{**none, kind: largest[kind]})(original, torch.Generator().manual_seed(0))

    def likeness(other: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cosine_similarity(changed.flatten(1), other.flatten(1))

    assert not torch.equal(changed, original)
    closer = likeness(original) > torch.maximum(likeness(original.flip(1)), likeness(original.flip(2)))
    assert closer.float().mean() > 0.85  # 0, 1 and 8 look like their mirror images


def test_neighbours_can_be_changed_alike(mnist: Splits) -> None:
    alike = replace(EVERYTHING, shared=4)
    same = frames(mnist, 1).repeat(10, 1, 1)
    changed = alike(same, torch.Generator().manual_seed(0))
    assert changed.shape == same.shape
    for first in range(0, 10, 4):
        assert all(torch.equal(other, changed[first]) for other in changed[first : first + 4])
    assert not torch.equal(changed[0], changed[4])
    assert not torch.equal(changed[4], changed[8])


def test_strokes_become_thicker_and_thinner(mnist: Splits) -> None:
    original = frames(mnist, 200)
    only_strokes = Augmentation(rotation=0, shift=0, scale=0, shear=0, stroke=1.0)
    share = only_strokes(original, torch.Generator().manual_seed(0)).sum((1, 2)) / original.sum((1, 2))
    assert share.min() < 0.6
    assert share.max() > 1.5


def make_batches(split: Split) -> Batches:
    nothing = Augmentation(rotation=0, shift=0, scale=0, shear=0)
    return Batches(split, batch_size=32, augmentation=nothing, seed=0, device=torch.device("cpu"))


def test_an_epoch_holds_each_image_once(part: Splits) -> None:
    numbered = np.zeros((320, 28, 28), np.uint8)
    numbered[:, 0, 0], numbered[:, 0, 1] = np.arange(320) % 256, np.arange(320) // 256
    batches = make_batches(Split(numbered, part.train.labels[:320], part.train.classes))
    for _ in range(2):
        images = torch.cat([batches.next()[0] for _ in range(len(batches))]) * 255
        numbers = (images[:, 0, 0] + 256 * images[:, 0, 1]).round().int().tolist()
        assert sorted(numbers) == list(range(320))
        assert numbers != sorted(numbers)


def test_the_last_batches_are_the_pictures_as_they_are(part: Splits) -> None:
    batches = Batches(
        part.train, batch_size=32, augmentation=EVERYTHING, augmented=0.75, seed=0, device=torch.device("cpu")
    )
    originals = {image.tobytes() for image in np.asarray(part.train.images)}

    def are_originals(progress: float) -> bool:
        images = (batches.next(progress)[0] * 255).round().to(torch.uint8).numpy()
        return all(image.tobytes() in originals for image in images)

    assert [are_originals(progress) for progress in (0.0, 0.74, 0.75, 0.99)] == [False, False, True, True]


def test_batches_go_on_where_their_state_was_taken(part: Splits) -> None:
    first, second = make_batches(part.train), make_batches(part.train)
    for _ in range(100):  # into the second epoch
        first.next()
    second.restore(first.state())
    for _ in range(100):
        for one, other in zip(first.next(), second.next(), strict=True):
            assert torch.equal(one, other)


def test_a_checkpoint_keeps_tensors_and_metadata(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7)}
    save_checkpoint(tmp_path / "c.safetensors", tensors, {"step": 3})
    loaded, metadata = load_checkpoint(tmp_path / "c.safetensors")
    assert_identical(loaded, tensors)
    assert metadata == {"step": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"\x80\x04pickle"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"c\.safetensors"):
        load_checkpoint(path)


def test_a_crash_while_logging_leaves_a_readable_log(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "run", replace(RECIPE, epochs=0.5))
    train(run, part)
    whole = run.records()
    with run.log_path.open("a") as stream:
        stream.write('{"step": 99, "ste')
    assert run.records() == whole


def test_temperature_scaling_finds_the_temperature() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(20_000, 10, generator=generator) * 2
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    for temperature in (0.5, 1.0, 3.0):
        assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.03)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=300))
def test_the_threshold_keeps_digits_and_is_no_higher_than_it_has_to_be(scores: list[float]) -> None:
    is_digit = torch.tensor(scores)
    threshold = choose_threshold(is_digit, kept=0.9)
    assert float((is_digit < threshold).float().mean()) <= 0.1
    higher = float(is_digit.sort().values[min(len(scores) - 1, int(0.1 * len(scores)) + 1)])
    assert threshold == DEFAULT_THRESHOLD or threshold <= higher
    assert threshold <= DEFAULT_THRESHOLD


def test_the_temperature_of_faultless_answers_stays_in_bounds() -> None:
    labels = torch.arange(10)
    assert fit_temperature(torch.eye(10) * 2, labels) == MIN_TEMPERATURE
    assert fit_temperature(torch.eye(10) * 2, labels.flip(0)) == MAX_TEMPERATURE
