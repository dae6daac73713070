"""Several processes train one network: by shares of the same batches, to the same weights; one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from number_prediction.datasets.split import Splits
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import TrainingError
from number_prediction.runs.run import Run
from number_prediction.training.augmentation.affine import Augmentation
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.loop.batches import BATCH_SHARES_BY_WIDTH_PX, Batches, LineBatches
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.tasks import compute_logits
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.recipes import Recipe, get_recipe
from number_prediction.training.synthesis.glyphs import LineRecipe, draw_glyphs
from number_prediction.training.synthesis.lines import LineComposer
from tests.conftest import CommandLine
from tests.helpers.class_folders import write_class

TWO = (World(0, 2), World(1, 2, place=1))
CPU = torch.device("cpu")
EVERYTHING = Augmentation(rotation=10, shift=2, scale=0.1, shear=0.1, elastic=1.0, stroke=0.5)
CNN = replace(
    get_recipe("cnn"), epochs=2, min_batches=0, batch_size=33, ema_decay=0.9, augmentation=EVERYTHING
)
LINES = LineRecipe(writings=2, signs=4, epoch=64)
RECIPES = {
    "cnn": CNN,
    "first batch": replace(get_recipe("mlp"), epochs=0.01, min_batches=0, batch_size=100),
    "handwriting": replace(get_recipe("handwriting"), epochs=0.05, min_batches=0, batch_size=20),
    "number": replace(get_recipe("number"), epochs=0.5, min_batches=0, batch_size=9, lines=LINES),
}

PROGRAM = """
import os, sys
from pathlib import Path
from number_prediction import Splits, TrainingError, load_mnist
from number_prediction.runs.run import Run
from number_prediction.training.loop import tasks
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.distributed import join_world
tasks.VALIDATION_BATCHES_BY_WIDTH_PX = {96: 1}
mnist = load_mnist()
try:
    with join_world() as world:
        os.write(1, f"process {world.rank} {os.getpid()}\\n".encode())  # at once: both write to one pipe
        for folder in map(Path, sys.argv[1:]):
            count = 2000 - world.rank * (folder.name == "other data")
            part = mnist.train.select(slice(0, count)), mnist.validation.select(slice(0, 301)), mnist.test
            for _ in fit(Run(folder), Splits(*part), world):
                pass
except TrainingError as error:
    sys.exit(f"error: {error}")
"""


@dataclass(frozen=True)
class Together:
    """What two processes have trained, and said."""

    runs: Mapping[str, Run]
    """Of all RECIPES, trained to their end."""
    killed: Run
    """Of the recipe of "cnn", from which each process was killed once; it went on afterwards."""
    killed_at: list[int]
    """Batch of its checkpoint each time it was killed."""
    words_when_killed: dict[str, str]
    """What the job said, by the process that was killed."""
    words: str
    """In the end, after a run for which the second process had other data."""


@contextmanager
def torchrun(*arguments: str | Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as started:
        yield started


@pytest.fixture(scope="module")
def part(mnist: Splits) -> Splits:
    return Splits(mnist.train.select(slice(0, 2000)), mnist.validation.select(slice(0, 301)), mnist.test)


def start(folder: Path, recipe: Recipe = CNN, world: World = TWO[0]) -> Run:
    return start_run(recipe, folder, threads=1, world=world)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Together:
    """Of one run either process is killed, one after the other, it goes on, and the others follow it."""
    folder = tmp_path_factory.mktemp("together")
    program = folder / "train_together.py"
    program.write_text(PROGRAM)
    killed = start(folder / "killed")
    words_when_killed, killed_at = {}, []
    for rank, step in (("0", 20), ("1", 60)):
        with torchrun(program, killed.folder, folder=folder) as process:
            assert process.stdout is not None
            processes = dict(process.stdout.readline().split()[1:] for _ in range(2))
            while process.poll() is None and not any(record.step >= step for record in killed.records()):
                time.sleep(0.02)
            os.kill(int(processes[rank]), signal.SIGKILL)
            _, words_when_killed[rank] = process.communicate(timeout=30)  # or the job has not ended
        assert process.returncode != 0
        killed_at.append(load_checkpoint(killed.checkpoint_path)[1]["step"])

    runs = {name: start(folder / name, recipe) for name, recipe in RECIPES.items()}
    refused = start(folder / "other data")
    folders = [run.folder for run in (killed, *runs.values(), refused)]
    with torchrun(program, *folders, folder=folder) as process:
        _, words = process.communicate()
    assert process.returncode != 0
    assert all(run.records()[-1].step == run.records()[-1].steps for run in (killed, *runs.values())), words
    return Together(runs, killed, killed_at, words_when_killed, words)


def final_accuracy(run: Run) -> float:
    accuracy = run.records()[-1].validation_accuracy
    assert accuracy is not None
    return accuracy


def train_alone(folder: Path, recipe: Recipe, part: Splits) -> Run:
    run = start(folder, recipe, ALONE)
    for _ in fit(run, part):
        pass
    return run


@pytest.mark.parametrize("count", [2, 7, 256])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_are_the_whole_in_order(count: int, size: int) -> None:
    rows = list(range(count))
    shares = [rows[World(rank, size).share(count)] for rank in range(size)]
    assert [row for share in shares for row in share] == rows
    lengths = {len(share) for share in shares}
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("augmentation", [EVERYTHING, replace(EVERYTHING, shared=4), Rewriting()])
def test_each_process_takes_its_share_of_the_same_batches(
    part: Splits, augmentation: Augmentation | Rewriting
) -> None:
    alone, *shared = (
        Batches(part.train, batch_size=33, augmentation=augmentation, seed=5, device=CPU, world=world)
        for world in (ALONE, *TWO)
    )
    for _ in range(3):
        frames, labels = alone.next()
        shares = [stream.next() for stream in shared]
        assert [len(share[0]) for share in shares] == [16, 17]
        torch.testing.assert_close(torch.cat([share[0] for share in shares]), frames, atol=1e-4, rtol=0)
        assert torch.equal(torch.cat([share[1] for share in shares]), labels)
    for stream in shared:
        assert all(torch.equal(value, alone.state()[name]) for name, value in stream.state().items())


def test_each_process_composes_lines_of_its_own(part: Splits) -> None:
    composer = LineComposer(draw_glyphs(part.train, LINES, seed=0), seed=0)
    alone, *shared = (
        LineBatches(composer, batch_size=9, epoch=64, seed=5, device=CPU, world=world)
        for world in (ALONE, *TWO)
    )
    for _ in range(3):
        frames, written = alone.next()
        shares = [stream.next() for stream in shared]
        assert sum(len(share[0]) for share in shares) == len(frames)
        assert {share[1].width for share in shares} == {written.width} <= set(BATCH_SHARES_BY_WIDTH_PX)
        assert shares[0][1].texts != shares[1][1].texts


def test_a_batch_too_small_to_be_shared_is_refused(part: Splits) -> None:
    with pytest.raises(TrainingError, match="a batch of 3 cannot be shared by 2 processes"):
        Batches(part.train, batch_size=3, augmentation=EVERYTHING, seed=0, device=CPU, world=TWO[0])


def test_two_processes_learn_as_one(tmp_path: Path, part: Splits, together: Together) -> None:
    alone = train_alone(tmp_path / "alone", CNN, part)
    assert final_accuracy(alone) > 0.85
    assert final_accuracy(together.runs["cnn"]) == pytest.approx(final_accuracy(alone), abs=0.05)


def test_their_first_batch_has_the_statistics_of_the_whole(
    tmp_path: Path, part: Splits, together: Together
) -> None:
    alone = train_alone(tmp_path / "alone", RECIPES["first batch"], part)
    (one, _), (two, _) = (
        load_checkpoint(run.checkpoint_path) for run in (alone, together.runs["first batch"])
    )
    assert one.keys() == two.keys()
    for name in ("network.1.layers.1.1.running_mean", "batches.generator", "batches.position"):
        torch.testing.assert_close(two[name], one[name])
    spread = "network.1.layers.1.1.running_var"
    torch.testing.assert_close(two[spread], one[spread], rtol=0.05, atol=0)
    moved = (
        "optimizer.0.momentum_buffer"  # of halves, each normalised by itself, the gradients differ a little
    )
    likeness = torch.nn.functional.cosine_similarity(two[moved].flatten(), one[moved].flatten(), dim=0)
    assert likeness > 0.9


def test_the_run_is_written_once(part: Splits, together: Together) -> None:
    run = together.runs["cnn"]
    steps = [record.step for record in run.records() if record.loss is not None]
    assert steps == [20, 40, 60, 80, 100, 120]
    assert run.settings().processes == 2
    trained = load_trained(run)
    logits, labels = compute_logits(trained.network, part.validation, CPU)
    right = int((logits.argmax(1) == labels).sum())
    assert right == pytest.approx(301 * final_accuracy(run), abs=1)  # other kernels round otherwise


@pytest.mark.parametrize("name", ["handwriting", "number"])
def test_the_other_kinds_of_recipes_are_trained(together: Together, name: str) -> None:
    last = together.runs[name].records()[-1]
    assert last.step == last.steps > 2
    assert last.validation_loss is not None
    assert np.isfinite(last.validation_loss)
    assert load_trained(together.runs[name]).steps == last.steps


def test_a_killed_process_ends_all_and_they_go_on_to_identical_weights(together: Together) -> None:
    run = together.killed
    for killed, words in together.words_when_killed.items():
        assert f"error: process {1 - int(killed)} of 2" in words
        assert f"torchrun --nproc_per_node 2 -m number_prediction train --resume {run.folder}" in words
    first, second = together.killed_at
    assert 0 < first < second < 121
    resumed, undisturbed = (load_checkpoint(each.checkpoint_path)[0] for each in (run, together.runs["cnn"]))
    assert resumed.keys() == undisturbed.keys()
    for name, tensor in resumed.items():
        assert torch.equal(tensor, undisturbed[name]), name
    steps = [record.step for record in run.records() if record.loss is not None]
    assert steps == sorted(set(steps))


def test_a_process_with_other_data_is_refused(together: Together) -> None:
    assert "error: process 1 has another data set than process 0" in together.words


def test_a_run_goes_on_with_as_many_processes_as_it_began_with(tmp_path: Path, part: Splits) -> None:
    run = start(tmp_path / "run")
    with pytest.raises(TrainingError, match=r"started with 2 processes.*torchrun --nproc_per_node 2"):
        next(fit(run, part))


@pytest.mark.slow
def test_the_command_line_under_torchrun(
    tmp_path: Path, mnist: Splits, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in (3, 8):
        write_class(tmp_path / "data" / str(label), mnist.train, label, 60)
    command = ("-m", "number_prediction", "train")
    options = ("--data", "data", "--epochs", "16", "--batch-size", "16", "--learning-rate", "0.1")
    with torchrun(*command, "cnn", *options, "--output", "run", folder=tmp_path) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2.0"):
                process.send_signal(signal.SIGINT)
                break
        printed, messages = process.communicate()
    assert process.returncode != 0
    assert printed == ""
    how = (
        "stopped and saved; resume with: torchrun --nproc_per_node 2 -m number_prediction train --resume run"
    )
    assert messages.count(how) == 1
    with torchrun(*command, "--resume", "run", folder=tmp_path) as process:
        printed, messages = process.communicate()
    assert process.returncode == 0, messages
    assert printed == "run\n"
    assert messages.count("validation accuracy 100.00%; on the test part") <= 1
    assert "in each of 2 processes" in messages
    assert Predictor(tmp_path / "run").classes == ("3", "8")
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert settings["processes"] == 2
    assert settings["command"].startswith("torchrun --nproc_per_node 2 -m number_prediction train cnn --data")
    assert "1 threads in each of 2 processes" in (tmp_path / "run" / "model.md").read_text()

    monkeypatch.setenv("WORLD_SIZE", "2")
    done = command_line("evaluate", "run")
    assert done.returncode == 2
    assert b"without torchrun" in done.stderr
