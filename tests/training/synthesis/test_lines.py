"""Composed lines: texts and middles fit the ink, words have letters, and a seed repeats a line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.constants import GLYPHS, LETTER, LINE_HEIGHT
from number_prediction.datasets.split import Splits
from number_prediction.training.loop.batches import BATCH_SHARES_BY_WIDTH_PX
from number_prediction.training.synthesis.glyphs import draw_glyphs
from number_prediction.training.synthesis.lines import LineBatch, LineComposer
from number_prediction.training.synthesis.words import ALPHABETS
from tests.helpers.number_training import LINES


@pytest.fixture(scope="module")
def composer(few_digits: Splits) -> LineComposer:
    return LineComposer(draw_glyphs(few_digits.train, LINES, seed=0), seed=0)


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


def test_words_are_written_letter_by_letter_and_say_no_number(few_digits: Splits) -> None:
    glyphs = draw_glyphs(few_digits.train, LINES, seed=0)
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


def test_digits_are_printed_and_read_as_they_are(few_digits: Splits) -> None:
    glyphs = draw_glyphs(few_digits.train, LINES, seed=0)
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


def test_lines_are_a_function_of_seed_and_number(few_digits: Splits, composer: LineComposer) -> None:
    glyphs = draw_glyphs(few_digits.train, LINES, seed=0)
    letters = sum(len(alphabet) for alphabet in ALPHABETS)
    assert set(glyphs.places) == set(range(1, len(GLYPHS) + letters))
    assert_same(LineComposer(glyphs, seed=0).batch(3, 8, 128), composer.batch(3, 8, 128))
    assert_same(composer.batch(4, 8, 128), composer.batch(3, 8, 128), same=False)
    assert_same(LineComposer(glyphs, seed=1).batch(3, 8, 128), composer.batch(3, 8, 128), same=False)
