"""Lines made wider, and their answers brought back: what stood somewhere stands there still."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from number_prediction.training.networks.widening import join_steps, widen


@given(seed=st.integers(0, 2**31 - 1), quarter=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_a_wider_line_has_the_same_rows_and_a_quarter_more_columns(seed: int, quarter: int) -> None:
    line = torch.rand(2, 6, 4 * quarter, generator=torch.Generator().manual_seed(seed))
    wide = widen(line)
    assert wide.shape == (2, 6, 5 * quarter)
    assert (wide >= line.amin(2, keepdim=True) - 1e-6).all()
    assert (wide <= line.amax(2, keepdim=True) + 1e-6).all()


def test_ink_stays_at_its_share_of_the_line() -> None:
    line = torch.zeros(1, 3, 80)
    line[:, :, 40:48] = 1
    (places,) = torch.nonzero(widen(line)[0, 0] > 0.5, as_tuple=True)
    assert (int(places[0]), int(places[-1])) == (50, 59)


@given(seed=st.integers(0, 2**31 - 1), count=st.sampled_from([4, 8, 40]))
@settings(max_examples=30, deadline=None)
def test_joined_steps_are_probabilities(seed: int, count: int) -> None:
    logits = 5 * torch.randn(2, 5 * count // 4, 17, generator=torch.Generator().manual_seed(seed))
    joined = join_steps(torch.log_softmax(logits, 2), count).exp()
    assert joined.shape == (2, count, 17)
    torch.testing.assert_close(joined.sum(2), torch.ones(2, count))


@pytest.mark.parametrize("step", range(10))
def test_a_glyph_of_one_step_stands_in_the_steps_that_cover_it(step: int) -> None:
    probabilities = torch.full((1, 10, 17), 1e-4)
    probabilities[..., 0] = 1
    probabilities[0, step] = 1e-4
    probabilities[0, step, 7] = 1
    joined = join_steps(torch.log(probabilities / probabilities.sum(2, keepdim=True)), 8)[0]
    (said,) = torch.nonzero(joined.argmax(1), as_tuple=True)
    assert len(said)
    assert set(joined.argmax(1)[said].tolist()) == {7}
    assert all(1.25 * place < step + 1 and 1.25 * (place + 1) > step for place in said.tolist())
