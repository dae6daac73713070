"""What can be asked of the server: a route, what reads the pictures, and how its answer looks.

Another reader of pictures is another entry in `services_of`; limits, queue, errors and documentation are the
same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, Field

from number_prediction.predictor import Predictor
from number_prediction.reading import Reader, read_digits


class Finding(BaseModel):
    """What may be wrong with a picture."""

    code: str
    text: str = Field(description="In words, with the mend")


class DigitAnswer(BaseModel):
    """What the model says of one picture: `DigitPrediction.to_dict()`."""

    label: int | None = Field(description="Index of the most probable class; null where the model abstains")
    text: str | None = Field(description="Name of that class")
    confidence: float = Field(ge=0, le=1, description="Probability of the label; 0 where the model abstains")
    is_digit: float = Field(ge=0, le=1, description="Probability that the picture holds a digit at all")
    probabilities: list[float] = Field(description="Of each class, in the order of /api/model")
    warnings: list[Finding]


class DigitAnswers(BaseModel):
    """One answer a picture, in order."""

    predictions: list[DigitAnswer]


@dataclass(frozen=True)
class Service:
    """A route that reads pictures."""

    summary: str
    read: Reader
    """Pages -> plain values for each, in order."""
    key: str
    """Under which the values stand in the answer."""
    answer: type[BaseModel]
    """How the answer looks; for the documentation, the values are sent as the reader gives them."""


def services_of(predictor: Predictor) -> Mapping[str, Service]:
    """Path -> service."""
    return {
        "/api/digits": Service(
            "Read one digit from each picture", partial(read_digits, predictor), "predictions", DigitAnswers
        ),
    }
