"""Training on lines on paper: an ink network, then a reader behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from number_prediction.constants import GLYPHS
from number_prediction.datasets.split import Splits
from number_prediction.errors import TrainingError
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.runs.run import Run
from number_prediction.training.experiments import evaluate
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export import numbers as numbers_export
from number_prediction.training.export.export import export_run
from number_prediction.training.loop import ink_tasks, line_chunks, line_tasks
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.line_chunks import ReadingChunks, count_steps
from number_prediction.training.loop.trained import load_trained
from number_prediction.training.networks import ppocr
from number_prediction.training.networks.paper_lines import PaperLineNet
from number_prediction.training.networks.ppocr import CLASS_COUNT, Recogniser, Teacher
from number_prediction.training.recipes import LineCropRecipe, PaperLineRecipe, get_recipe
from number_prediction.training.synthesis.paper_lines.lines import make_paper_composer
from number_prediction.training.synthesis.real_lines import RealLine
from tests.training.graph.test_ink_frames import DarkIsInk

INK = replace(
    get_recipe("line-ink"), batch_size=4, line_crops=LineCropRecipe(epoch=16), min_batches=0, precision="fp32"
)
READER = replace(
    get_recipe("line"), batch_size=4, paper_lines=PaperLineRecipe(epoch=16), min_batches=0, precision="fp32"
)
CHARACTERS = ("", *"0123456789.,-+/:", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "$", " ")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    """Of random weights."""
    torch.manual_seed(0)
    weights = PaperLineNet(len(CHARACTERS), steps_per_column=1).state_dict()
    return Recogniser(weights, CHARACTERS)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch, recogniser: Recogniser) -> None:
    monkeypatch.setattr(line_chunks, "CHUNK_BATCHES", 2)
    for tasks in (ink_tasks, line_tasks):
        monkeypatch.setattr(tasks, "VALIDATION_LINES", 6)
    monkeypatch.setattr(line_tasks, "load_recogniser", lambda: recogniser)
    monkeypatch.setattr(numbers_export, "PARITY_LINES_PER_WIDTH", 6)
    monkeypatch.setattr(evaluate, "LINES_PER_WIDTH", 2)


@pytest.fixture
def ink_run(few_digits: Splits, tmp_path: Path) -> Run:
    run = start_run(INK, tmp_path / "ink", threads=1)
    for _ in fit(run, few_digits):
        pass
    return run


def weights_of(run: Run) -> dict[str, torch.Tensor]:
    return load_checkpoint(run.checkpoint_path)[0]


def stop_and_resume(run: Run, splits: Splits, at: int) -> None:
    """Train up to a batch, save as Ctrl-C does, and train on."""
    records = fit(run, splits)
    while next(records).step < at:
        pass
    records.close()
    for _ in fit(run, splits):
        pass


def test_an_ink_network_that_was_stopped_and_a_reader_behind_it_are_trained(
    ink_run: Run, few_digits: Splits, tmp_path: Path
) -> None:
    assert ink_run.settings().finds_ink
    again = start_run(INK, tmp_path / "ink-again", threads=1)
    stop_and_resume(again, few_digits, 2)
    assert all(torch.equal(value, weights_of(again)[name]) for name, value in weights_of(ink_run).items())

    run = start_run(READER, tmp_path / "reader", threads=1, ink=ink_run.folder)
    for _ in fit(run, few_digits):
        pass
    assert run.settings().reads_numbers
    network = load_trained(run).network
    expected = load_trained(ink_run).network[-1].state_dict()  # type: ignore[index]
    assert all(torch.equal(value, expected[name]) for name, value in network.ink.state_dict().items())


@pytest.mark.slow
def test_a_reader_is_exported_and_its_card_names_its_start(
    ink_run: Run, few_digits: Splits, tmp_path: Path
) -> None:
    run = start_run(READER, tmp_path / "reader", threads=1, ink=ink_run.folder)
    for _ in fit(run, few_digits):
        pass
    export_run(run)
    numbers = NumberPredictor(run.folder)
    (read,) = numbers.predict_numbers([np.full((40, 90), 255, np.uint8)])
    assert read.lattice.shape[1] == len(GLYPHS)
    assert numbers.manifest is not None
    assert numbers.manifest["training"]["started_from"]["sha256"] == ppocr.SHA256
    assert "PP-OCRv6" in (run.folder / "model.md").read_text(encoding="utf-8")


def test_edges_keep_their_weights_and_later_layers_learn(
    ink_run: Run, few_digits: Splits, recogniser: Recogniser, tmp_path: Path
) -> None:
    run = start_run(READER, tmp_path / "reader", threads=1, ink=ink_run.folder)
    for _ in fit(run, few_digits):
        pass
    before = recogniser.starting_weights()
    after = {
        name.removeprefix("network.reader.1."): value
        for name, value in weights_of(run).items()
        if name.startswith("network.reader.1.")
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"head.weight", "blocks.12.widen.weight"} <= changed
    assert not any(name.startswith(("stem.", "blocks.0.", "blocks.2.")) for name in changed)


def test_without_an_ink_network_a_reader_is_refused(few_digits: Splits, tmp_path: Path) -> None:
    run = start_run(READER, tmp_path / "reader", threads=1)
    with pytest.raises(TrainingError, match="line-ink"):
        next(fit(run, few_digits))


def test_the_teacher_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppocr, "find_spec", lambda _name: None)
    with pytest.raises(TrainingError, match=r"number-prediction\[teacher\]"):
        ppocr.load_recogniser()


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ppocr.FILE
    path.parent.mkdir()
    path.write_bytes(b"another")
    monkeypatch.setattr(
        ppocr, "find_spec", lambda _name: SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    )
    with pytest.raises(TrainingError, match="another file"):
        ppocr.load_recogniser()


def test_the_teacher_counts_alike_characters_together(recogniser: Recogniser) -> None:
    shares = Teacher(recogniser)(torch.rand(2, 48, 64))
    assert shares.shape == (2, 8, CLASS_COUNT)
    torch.testing.assert_close(shares.sum(2), torch.ones(2, 8), atol=1e-3, rtol=0)


def test_a_chunk_is_a_function_of_its_number_and_writers_share_it(
    mnist: Splits, recogniser: Recogniser
) -> None:
    page = np.full((40, 60), 220, np.uint8)
    page[8:32, 20:24] = 30
    composer = make_paper_composer(mnist.train.select(slice(0, 100)), {}, seed=0)
    numbers = [RealLine(page, (2,), "one"), *[RealLine(page, (3, 4), "other")] * 50]
    chunks = ReadingChunks(
        composer,
        DarkIsInk(),
        numbers,
        [],
        numbers_share=1.0,
        words_share=0.0,
        teacher=Teacher(recogniser),
        seed=0,
    )
    drawn, again = chunks.draw(3, 24), chunks.draw(3, 24)
    assert len(drawn) == 2
    for (frames, lesson), (frames_again, _) in zip(drawn, again, strict=True):
        assert isinstance(lesson, line_chunks.Lesson)
        assert frames.shape[:2] == (24, 48)
        assert torch.equal(frames, frames_again)
        assert torch.equal(lesson.steps, count_steps(frames))
    said = [text for _, lesson in drawn for text in lesson.texts]  # type: ignore[union-attr]
    assert said.count((2,)) >= 2
    assert said.count((3, 4)) > said.count((2,))
