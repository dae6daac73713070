"""The reader of digits: a loaded model for digits -> a `BatchReader`, one digit for each page.

It is a module of its own so that `predict` starts without what reads numbers, pages and forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from number_prediction.digits.drawing import encode_seen
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import ImageError
from number_prediction.images.decode import Page
from number_prediction.images.result import round_share
from number_prediction.pipeline.batch import BatchReader
from number_prediction.pipeline.layouts import digit_layout
from number_prediction.pipeline.rows import Explained


def digit_reader(
    predictor: Predictor, *, top: int = 0, explain: bool = False, must_answer: bool = False
) -> BatchReader:
    """Read one digit from each page.

    Args:
        predictor: the model.
        top: also give the `top` most probable classes.
        explain: also draw what the model saw.
        must_answer: never abstain, but give the most probable digit.
    """
    return BatchReader(
        partial(read_digits, predictor, top=top, explain=explain, must_answer=must_answer),
        digit_layout(top, explain=explain),
        {
            "reader": "digit",
            "model": predictor.sha256,
            "threshold": 0.0 if must_answer else predictor.threshold,
            "top": top,
        },
    )


def read_digits(
    predictor: Predictor,
    pages: Iterable[Page],
    *,
    top: int = 0,
    explain: bool = False,
    must_answer: bool = False,
) -> Iterator[dict[str, Any] | Explained | ImageError]:
    """The digit of each page, optionally with the `top` classes and a drawing of what the model saw."""
    for prediction in predictor.iterate_digits(pages, explain=explain, must_answer=must_answer):
        if isinstance(prediction, ImageError):
            yield prediction
            continue
        values = prediction.to_dict()
        if top:
            values["top"] = [
                {"text": text, "probability": round_share(probability)}
                for text, probability in prediction.top(top)
            ]
        yield Explained(values, encode_seen(prediction)) if explain else values
