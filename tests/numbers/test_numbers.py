"""Numbers: composed lines, their loss, their framing, the graph, and glyphs that find their place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from number_prediction.constants import GLYPHS, LETTER, LINE_HEIGHT, LINE_WIDTH
from number_prediction.constraints.constraint import Constraint, length, one_of
from number_prediction.datasets.split import Splits
from number_prediction.decoding.search import decode
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ModelError
from number_prediction.images.geometry import LEFT_AS_IT_IS, box_of, rotation
from number_prediction.numbers.prediction import LEAST_FIT, NumberPrediction, locate
from number_prediction.numbers.predictor import NumberPredictor
from number_prediction.runs.run import Run
from number_prediction.training.experiments.setup import start_run
from number_prediction.training.export import numbers as numbers_export
from number_prediction.training.export.export import export_run
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX, LineFraming
from number_prediction.training.graph.number_graph import NumberGraph
from number_prediction.training.loop import tasks
from number_prediction.training.loop.batches import BATCH_SHARES_BY_WIDTH_PX, REFERENCE_WIDTH_PX, LineBatches
from number_prediction.training.loop.checkpoint import load_checkpoint
from number_prediction.training.loop.ctc import aligned_loss, read_greedily
from number_prediction.training.loop.fit import fit
from number_prediction.training.loop.state import load_trained
from number_prediction.training.recipes import get_recipe
from number_prediction.training.synthesis.glyphs import LineRecipe, draw_glyphs
from number_prediction.training.synthesis.lines import LineBatch, LineComposer, Written
from number_prediction.training.synthesis.texts import draw_text
from number_prediction.training.synthesis.words import ALPHABETS, CLEAR_LETTERS, draw_word, is_word
from tests.helpers.composed import peaks

STEPS = LINE_WIDTH // 2
LINES = LineRecipe(writings=4, signs=12, epoch=64)
RECIPE = replace(
    get_recipe("number"),
    epochs=1.5,
    min_batches=0,
    batch_size=8,
    ema_decay=0.5,
    lines=LINES,
    precision="fp32",
)


@pytest.fixture(scope="module", autouse=True)
def _few_lines() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "VALIDATION_BATCHES_BY_WIDTH_PX", {96: 1})
        patch.setattr(numbers_export, "PARITY_LINES_PER_WIDTH", 4)
        yield


@pytest.fixture(scope="module")
def few(mnist: Splits) -> Splits:
    return Splits(*(split.select(slice(0, count)) for split, count in zip(mnist, (600, 200, 1), strict=True)))


def start(folder: Path) -> Run:
    return start_run(RECIPE, folder, threads=1)


@pytest.fixture(scope="module")
def number_run(tmp_path_factory: pytest.TempPathFactory, few: Splits) -> Run:
    """Trained for twelve batches, exported."""
    run = start(tmp_path_factory.mktemp("runs") / "number")
    for _ in fit(run, few):
        pass
    export_run(run)
    return run


@pytest.fixture(scope="module")
def numbers(number_run: Run) -> NumberPredictor:
    return NumberPredictor(number_run.folder)


@pytest.fixture(scope="module")
def composer(few: Splits) -> LineComposer:
    return LineComposer(draw_glyphs(few.train, LINES, seed=0), seed=0)


def write_line(
    mnist: Splits, indices: list[int], *, factor: int, margin: int
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int]]]:
    """Dark digits in a row on white paper, and left, top, right and bottom of each one's ink."""
    places, parts, x = [], [np.zeros((28 * factor, margin), np.uint8)], margin
    for index in indices:
        digit = np.kron(mnist.test.images[index], np.ones((factor, factor), np.uint8))
        rows, columns = np.flatnonzero(digit.max(1) > 99), np.flatnonzero(digit.max(0) > 99)
        places.append((x + columns[0], margin + rows[0], x + columns[-1] + 1, margin + rows[-1] + 1))
        parts.append(digit)
        x += digit.shape[1]
    ink = np.pad(np.concatenate([*parts, parts[0]], 1), ((margin, margin), (0, 0)))
    return 255 - ink, places


def test_training_makes_the_loss_fall(number_run: Run) -> None:
    losses = [record.validation_loss for record in number_run.records() if record.validation_loss is not None]
    assert losses[-1] < 0.8 * losses[0]


def test_a_training_that_was_stopped_ends_with_the_same_weights(
    number_run: Run, few: Splits, tmp_path: Path
) -> None:
    run = start(tmp_path / "stopped")
    records = fit(run, few)
    while next(records).step < 6:
        pass
    records.close()
    assert load_checkpoint(run.checkpoint_path)[1]["step"] < RECIPE.epochs * LINES.epoch / RECIPE.batch_size
    for _ in fit(run, few):
        pass
    tensors, expected = (load_checkpoint(each.checkpoint_path)[0] for each in (run, number_run))
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors.items())


def test_the_file_answers_pages_of_any_size_and_batch(number_run: Run) -> None:
    session = onnxruntime.InferenceSession(number_run.model_path)
    assert [(each.name, each.shape) for each in session.get_inputs()] == [
        ("page", ["batch", "height", "width"])
    ]
    random = np.random.default_rng(0)
    for shape in ((1, 1, 1), (3, 3, 200), (2, 120, 500), (1, 28, 28)):
        pages = random.integers(0, 256, shape, np.uint8)
        frame, probabilities, place, is_number = session.run(None, {"page": pages})
        assert frame.shape == (shape[0], LINE_HEIGHT, LINE_WIDTH)
        assert probabilities.shape == (shape[0], STEPS, len(GLYPHS))
        np.testing.assert_allclose(probabilities.sum(2), 1, atol=1e-5)
        assert place.shape == (shape[0], 3)
        assert np.isfinite(place).all()
        assert is_number.shape == (shape[0],)
        assert ((is_number >= 0) & (is_number <= 1)).all()
        alone = session.run(None, {"page": pages[-1:]})
        for together, one in zip((frame, probabilities, place, is_number), alone, strict=True):
            np.testing.assert_allclose(together[-1:], one, atol=1e-4)


def test_the_manifest_says_what_it_reads(numbers: NumberPredictor) -> None:
    manifest = numbers.manifest
    assert manifest is not None
    assert tuple(manifest["classes"]) == GLYPHS
    assert list(manifest["outputs"]) == ["frame", "probabilities", "place", "is_number"]
    assert manifest["parity"]["different_labels"] == 0
    assert manifest["training"]["recipe"]["lines"]["signs"] == LINES.signs


def test_a_file_that_answers_otherwise_is_not_exported(number_run: Run) -> None:
    trained = load_trained(number_run)
    list(trained.network.parameters())[-1].data[3] += 0.01
    with pytest.raises(ModelError, match="disagree"):
        numbers_export.check_content(number_run.model_path.read_bytes(), trained)


def test_digits_and_numbers_are_not_taken_for_each_other(number_run: Run, predictor: Predictor) -> None:
    with pytest.raises(ModelError, match="not a number graph"):
        NumberPredictor(predictor.path)
    with pytest.raises(ModelError, match="not a digit graph"):
        Predictor(number_run.folder)


@pytest.mark.parametrize(("factor", "margin"), [(1, 10), (3, 40), (9, 30), (12, 200)])
def test_glyphs_find_their_place_in_a_picture_of_any_size(
    numbers: NumberPredictor, mnist: Splits, factor: int, margin: int
) -> None:
    """The lattice is made by hand: a digit is said at the step in which its middle lies."""
    indices = [0, 1, 3, 4]  # 7, 2, 0, 4
    page, places = write_line(mnist, indices, factor=factor, margin=margin)
    answer = numbers.run([page])
    x, _, side = answer.places[0].tolist()
    lattice = np.full((STEPS, len(GLYPHS)), 0.001, np.float32)
    lattice[:, 0] = 1
    for index, (left, _, right, _) in zip(indices, places, strict=True):
        step = int(((left + right) / 2 - x) / side / 2)
        lattice[step] = 0.001
        lattice[step, GLYPHS.index(str(mnist.test.labels[index]))] = 1
    lattice /= lattice.sum(1, keepdims=True)
    found = locate(decode(lattice, GLYPHS)[0], answer.frames[0], lattice, answer.places[0])
    assert found.text == "7204"
    for glyph, place in zip(found.glyphs, places, strict=True):
        box = glyph.box
        corners = (box.left, box.top, box.left + box.width, box.top + box.height)
        assert corners == pytest.approx(place, abs=2.5 * side)


@pytest.mark.parametrize(("factor", "margin"), [(1, 4), (2, 30), (5, 20), (11, 60)])
def test_digits_are_scaled_to_one_height(mnist: Splits, factor: int, margin: int) -> None:
    page, places = write_line(mnist, [0, 1, 2, 3], factor=factor, margin=margin)
    ink = torch.tensor(255 - page).to(torch.float32).unsqueeze(0) / 255
    frame, place = LineFraming()(ink)
    assert frame.shape == (1, LINE_HEIGHT, LINE_WIDTH)
    assert frame.min() >= 0
    assert frame.max() == pytest.approx(1)
    rows, columns = (torch.nonzero(frame[0].amax(axis) > 0.4).squeeze(1) for axis in (1, 0))
    assert 0.75 * DIGIT_HEIGHT_PX < rows[-1] - rows[0] + 1 < 1.15 * DIGIT_HEIGHT_PX
    x, y, side = place[0].tolist()
    assert x + float(columns[0]) * side == pytest.approx(places[0][0], abs=2 * side)
    assert x + float(columns[-1] + 1) * side == pytest.approx(places[-1][2], abs=2 * side)
    assert y + float(rows[0]) * side == pytest.approx(min(each[1] for each in places), abs=2 * side)


def test_a_page_without_ink_gives_an_empty_frame(numbers: NumberPredictor) -> None:
    frame, place = LineFraming()(torch.zeros(2, 40, 90))
    assert not frame.any()
    assert torch.isfinite(place).all()
    (found,) = numbers.predict_numbers([np.full((40, 90), 255, np.uint8)])
    assert not found.frame.any()


def test_a_line_is_answered_alike_beside_a_longer_one(numbers: NumberPredictor, mnist: Splits) -> None:
    """The network looks at as much as the longest line of a batch takes; right of a line is blank."""
    line, places = write_line(mnist, [0, 1], factor=2, margin=10)
    longer, _ = write_line(mnist, [2, 3, 4, 5, 6, 7, 8, 9], factor=2, margin=10)
    line = np.pad(line, ((0, 0), (0, longer.shape[1] - line.shape[1])), constant_values=255)
    alone, both = numbers.run([line]), numbers.run([line, longer])
    np.testing.assert_allclose(both.lattices[0], alone.lattices[0], atol=1e-5)
    assert len(alone.lattices[0]) == STEPS
    x, _, side = alone.places[0].tolist()
    end = (places[-1][2] + 28 * 2 - x) / side  # write_line writes the first digit once more
    beyond = alone.lattices[0][int(end / 2) + 10 :]
    assert len(beyond) > 100
    assert (beyond[:, 0] == 1).all()
    assert not beyond[:, 1:].any()


def read(lattice: NDArray[np.float32], constraint: Constraint | None = None) -> NumberPrediction:
    reading = decode(lattice, GLYPHS, constraint)[0]
    frame = np.zeros((LINE_HEIGHT, LINE_WIDTH), np.float32)
    return locate(reading, frame, lattice, np.array([0, 0, 1], np.float32))


def test_what_is_not_sure_is_masked() -> None:
    found = read(peaks("2048", {2: ("9", 0.4)}))
    assert found.text == "2048"
    assert found.masked(0.9) == "20?8"
    assert found.masked(0.9, mark="_") == "20_8"
    assert found.masked(0.1) == "2048"
    assert found.glyphs[2].alternatives[0][0] == "9"
    assert json.loads(json.dumps(found.to_dict()))["glyphs"][2]["glyph"] == "4"
    for glyph in found.glyphs:  # where there is no ink, a box is in the frame all the same
        assert 0 <= glyph.box.left < glyph.box.left + glyph.box.width <= LINE_WIDTH


def test_where_nothing_fits_there_is_no_text() -> None:
    found = read(peaks("2048")[:5], length(7))
    assert (found.text, found.masked(0.5), found.glyphs) == (None, "?", ())


def test_a_line_is_decoded_again_under_what_else_is_known() -> None:
    found = read(peaks("2048", {2: ("9", 0.6)}))
    assert found.text == "2098"
    again = found.under(one_of(["2048", "2058"]))
    assert (again.text, len(again.glyphs)) == ("2048", 4)
    assert again.confidence > 0.99
    assert again.under(None).text == "2098"


@settings(max_examples=20, deadline=None)
@given(number=st.integers(0, 10_000), width=st.sampled_from(list(BATCH_SHARES_BY_WIDTH_PX)))
def test_composed_lines_say_what_stands_where(composer: LineComposer, number: int, width: int) -> None:
    lines = composer.batch(number, 6, width)
    assert lines.frames.shape == (6, LINE_HEIGHT, width)
    assert lines.frames.min() >= 0
    assert lines.frames.max() <= 1
    assert lines.written.width == width
    for text, middles in zip(lines.written.texts, lines.written.middles, strict=True):
        assert len(text) == len(middles)
        assert all(0 < glyph <= LETTER for glyph in text)
        assert all(one < other for one, other in pairwise(middles))
        assert all(0 < middle < width for middle in middles)
        repeats = sum(one == other for one, other in pairwise(text))
        assert len(text) + repeats <= width // 2  # else CTC has no room for it
        assert not text or text[-1] not in (GLYPHS.index("."), GLYPHS.index(","))


def test_ink_stands_at_the_middles(composer: LineComposer) -> None:
    lines = composer.batch(0, 60, 160)
    near, all_over = [], []
    for frame, middles in zip(lines.frames, lines.written.middles, strict=True):
        near += [
            float(frame[:, max(0, int(middle) - 3) : int(middle) + 4].sum(0).mean()) for middle in middles
        ]
        all_over.append(float(frame.sum(0).mean()))
    assert np.mean(near) > 2 * np.mean(all_over)


def six_digits(mnist: Splits, indices: list[int]) -> tuple[Image.Image, str]:
    page, _ = write_line(mnist, indices, factor=4, margin=60)
    text = "".join(str(mnist.test.labels[index]) for index in indices)
    return Image.fromarray(page), text


@pytest.mark.parametrize("degrees", [-27, -20, 20, 27])
def test_a_line_that_slopes_is_read_set_level(mnist: Splits, degrees: float) -> None:
    page, text = six_digits(mnist, [0, 1, 2, 3, 4, 5])
    sloping = page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    level, found = NumberPredictor().predict_numbers([np.asarray(page), np.asarray(sloping)])
    assert level.text == found.text == text
    about = rotation(degrees, (page.width / 2, page.height / 2), (sloping.width / 2, sloping.height / 2))
    for glyph, turned in zip(level.glyphs, found.glyphs, strict=True):
        wanted = box_of(about(glyph.box.corners))
        assert turned.box.left < wanted.left + wanted.width / 2 < turned.box.right
        assert turned.box.top < wanted.top + wanted.height / 2 < turned.box.bottom
    again = found.under(length(6))
    assert [glyph.box for glyph in again.glyphs] == [glyph.box for glyph in found.glyphs]


def test_a_level_line_that_nobody_can_read_stays_as_it_was_read() -> None:
    scribble = np.random.default_rng(0).integers(0, 256, (60, 200)).astype(np.uint8)
    (found,) = NumberPredictor().predict_numbers([scribble])
    assert found.to_picture == LEFT_AS_IT_IS


def test_years_and_dates_are_written_more_often_than_chance_would_have_it() -> None:
    def drawn(width: int, dated: float) -> list[str]:
        random = np.random.default_rng(0)
        texts = [draw_text(random, width, dated=dated) for _ in range(4000)]
        return ["".join(GLYPHS[place] for place in text) for text in texts]

    year = re.compile(r"(1[0-9]|20)\d\d\.?")
    date = re.compile(r"(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2}))|\d{4}-\d\d-\d\d")
    some, none = ([year.fullmatch(text) is not None for text in drawn(144, share)] for share in (0.12, 0))
    assert 0.1 < np.mean(some) - np.mean(none) < 0.14
    assert all(year.fullmatch(text) or date.fullmatch(text) for text in drawn(288, 1))
    assert any(date.fullmatch(text) for text in drawn(288, 1))
    assert all(len(text) <= 4 for text in drawn(64, 1))  # none fits


@given(seed=st.integers(0, 2**32), width=st.integers(40, 480))
def test_a_word_is_of_one_alphabet_and_looks_like_no_number(seed: int, width: int) -> None:
    word = draw_word(np.random.default_rng(seed), width)
    letters = [place for place in word if place >= len(GLYPHS)]
    assert is_word(word)
    assert 2 <= len(letters) <= max(2, min(12, width // 15))
    assert len(word) - len(letters) in (0, 1)
    ends = np.cumsum([len(GLYPHS), *map(len, ALPHABETS)])
    (alphabet,) = {int(np.searchsorted(ends, place, "right")) - 1 for place in letters}
    spelled = [ALPHABETS[alphabet][place - ends[alphabet]] for place in letters]
    assert sum(letter in CLEAR_LETTERS for letter in spelled) >= len(spelled) / 2


def test_words_are_written_letter_by_letter_and_say_no_number(few: Splits) -> None:
    glyphs = draw_glyphs(few.train, LINES, seed=0)
    composer = LineComposer(glyphs, seed=0, worded=1)
    frames, written = (batch := composer.batch(0, 32, 160)).frames, batch.written
    signs = {LETTER, *(GLYPHS.index(mark) for mark in ".,:")}
    for text, middles in zip(written.texts, written.middles, strict=True):
        assert set(text) <= signs
        assert text.count(LETTER) >= 2
        assert len(middles) == len(text)
    inked = (frames > 0.5).sum((1, 2))
    assert (inked > 30).float().mean() > 0.8
    assert composer.draw(0, 32, 160)[1] == [""] * 32
    some = LineComposer(glyphs, seed=0, worded=0.5).batch(0, 200, 160).written.texts
    assert 0.35 < np.mean([LETTER in text for text in some]) < 0.65


class Says(torch.nn.Module):
    """A network that is sure of what it says, whatever it sees."""

    def __init__(self, classes: list[int]) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(N, 40, W) -> logits (N, W / 2, C): a class every sixteen pixels, blank between."""
        logits = torch.zeros(len(frames), frames.shape[2] // 2, LETTER + 1)
        logits[:, :, 0] = 12
        for place, one in enumerate(self.classes):
            logits[:, 6 + 8 * place] = 12 * torch.eye(LETTER + 1)[one]
        return logits


@pytest.mark.parametrize(
    ("classes", "text", "expected"), [([8, 3], "72", 1), ([8, LETTER], "7", 0), ([LETTER] * 3, "", 0)]
)
def test_where_a_letter_stands_there_is_no_number(
    mnist: Splits, classes: list[int], text: str, expected: float
) -> None:
    page, _ = write_line(mnist, [0, 1, 3, 4], factor=2, margin=10)
    answer = NumberGraph(Says(classes))(torch.tensor(page[np.newaxis]))
    assert answer.is_number.item() == pytest.approx(expected, abs=0.01)
    torch.testing.assert_close(answer.probabilities.sum(2), torch.ones(1, STEPS))
    (read,) = read_greedily(answer.probabilities)
    assert "".join(GLYPHS[glyph] for glyph in read if glyph in (3, 8)) == text


def test_digits_are_printed_and_read_as_they_are(few: Splits) -> None:
    glyphs = draw_glyphs(few.train, LINES, seed=0)
    printed, written = (
        LineComposer(glyphs, seed=0, worded=0, printed=share).batch(0, 8, 160) for share in (1, 0)
    )
    for one, other in zip(printed.written.texts, written.written.texts, strict=True):
        fits = min(len(one), len(other))
        assert one[:fits] == other[:fits]
    assert sum(map(len, printed.written.texts)) > 30
    assert not torch.equal(printed.frames, written.frames)
    nothing_else = replace(glyphs, frames=np.zeros_like(glyphs.frames))
    alone = LineComposer(nothing_else, seed=0, worded=0, printed=1).batch(0, 8, 160)
    assert (alone.frames > 0.5).sum() > 0.5 * (printed.frames > 0.5).sum()


def assert_same(one: LineBatch, other: LineBatch, *, same: bool = True) -> None:
    assert torch.equal(one.frames, other.frames) == same
    assert (one.written == other.written) == same


def test_lines_are_a_function_of_seed_and_number(few: Splits, composer: LineComposer) -> None:
    glyphs = draw_glyphs(few.train, LINES, seed=0)
    letters = sum(len(alphabet) for alphabet in ALPHABETS)
    assert set(glyphs.places) == set(range(1, len(GLYPHS) + letters))
    assert_same(LineComposer(glyphs, seed=0).batch(3, 8, 128), composer.batch(3, 8, 128))
    assert_same(composer.batch(4, 8, 128), composer.batch(3, 8, 128), same=False)
    assert_same(LineComposer(glyphs, seed=1).batch(3, 8, 128), composer.batch(3, 8, 128), same=False)


def test_a_sheet_without_a_number_is_not_one_of_those_that_are_known() -> None:
    blank = np.full((60, 200), 255, np.uint8)
    (answer,) = NumberPredictor().predict_numbers([blank], one_of(["26", "247"]))
    assert answer.confidence <= answer.fit < LEAST_FIT
    assert all(glyph.confidence <= answer.fit for glyph in answer.glyphs)
    assert set(answer.masked(0.5)) == {"?"}


def test_lines_go_on_where_their_state_was_taken(composer: LineComposer) -> None:
    def stream() -> LineBatches:
        return LineBatches(composer, batch_size=8, epoch=64, seed=5, device=torch.device("cpu"))

    first, second = stream(), stream()
    for _ in range(3):
        first.next()
    second.next()
    second.restore(first.state())
    for _ in range(3):
        (frames, written), (again, expected) = first.next(), second.next()
        assert torch.equal(frames, again)
        assert written == expected
        assert len(frames) == max(2, round(8 * REFERENCE_WIDTH_PX / written.width))


def logits_of(written: Written, *, shift: int = 0, swap: bool = False) -> torch.Tensor:
    """Logits (N, width / 2, G) that say the texts at their middles, or `shift` steps beside, or others."""
    logits = torch.zeros(len(written.texts), written.width // 2, LETTER + 1)
    logits[:, :, 0] = 12
    for line, (text, middles) in enumerate(zip(written.texts, written.middles, strict=True)):
        for glyph, middle in zip(text, middles, strict=True):
            step = int(middle / 2) + shift
            logits[line, step, 0] = 0
            logits[line, step, 1 + glyph % 10 if swap else glyph] = 12
    return logits


def test_the_loss_is_small_where_texts_are_said_at_their_middles() -> None:
    written = Written(((3, 3, 11), (1, 8), ()), ((20.0, 41.0, 60.5), (33.0, 77.0), ()), 96)
    right = logits_of(written)
    assert read_greedily(right) == written.texts
    least = float(aligned_loss(right, written))
    assert 0 < least < 0.5
    beside = logits_of(written, shift=5)
    assert read_greedily(beside) == written.texts
    wrong = logits_of(written, swap=True)
    assert least < 0.2 * float(aligned_loss(beside, written))
    assert least < 0.2 * float(aligned_loss(wrong, written))
    guess = torch.zeros_like(right, requires_grad=True)
    loss = aligned_loss(guess, written)
    (slope,) = torch.autograd.grad(loss, guess)
    assert float(aligned_loss((guess - slope).detach(), written)) < float(loss.detach())
