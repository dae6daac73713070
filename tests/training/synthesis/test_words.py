"""Words: one alphabet, and unlike numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from number_prediction.constants import GLYPHS
from number_prediction.training.synthesis.words import ALPHABETS, CLEAR_LETTERS, draw_word, is_word


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
