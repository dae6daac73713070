"""Answers of the API as pydantic models, for its documentation."""

from __future__ import annotations

from pydantic import BaseModel, Field


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
    frame: list[list[float]] | None = Field(None, description="28 rows of 28; where explain is asked for")
    ink: list[list[float]] | None = Field(
        None, description="Rows of what was taken for the digit; where explain is asked for"
    )


class DigitAnswers(BaseModel):
    """One answer a picture, in order."""

    predictions: list[DigitAnswer]


class GlyphAnswer(BaseModel):
    """One digit or sign of a number."""

    glyph: str
    confidence: float = Field(ge=0, le=1)
    alternatives: list[tuple[str, float]] = Field(description="Others with their probabilities, best first")
    box: tuple[float, float, float, float] = Field(description="Left, top, width, height in the picture")


class LineAnswer(BaseModel):
    """The number on one picture: `NumberPrediction.to_dict()`."""

    text: str | None = Field(description="null where nothing fits what is known")
    shown: str = Field(description="The text; ? for each doubtful digit, and where nothing fits")
    confidence: float = Field(ge=0, le=1, description="Probability of the whole text")
    fit: float = Field(
        ge=0, le=1, description="Probability that a number that is allowed is written there at all"
    )
    glyphs: list[GlyphAnswer]


class LineAnswers(BaseModel):
    """One answer a picture, in order."""

    predictions: list[LineAnswer]


class PlacedNumber(LineAnswer):
    """A number on a page."""

    box: tuple[float, float, float, float]
    corners: list[tuple[float, float]] = Field(description="Clockwise from the upper left of the writing")


class PageAnswer(BaseModel):
    """All numbers on one picture, in reading order."""

    skew: float = Field(description="Degrees by which the writing falls to the right")
    numbers: list[PlacedNumber]


class PageAnswers(BaseModel):
    """One answer a picture, in order."""

    pages: list[PageAnswer]


class FieldAnswer(LineAnswer):
    """What stands in a field of a form."""

    box: tuple[float, float, float, float]


class SheetAnswer(BaseModel):
    """A filled sheet."""

    found: float = Field(ge=0, le=1, description="Share of what is printed on the form that was found")
    fields: dict[str, FieldAnswer]


class SheetAnswers(BaseModel):
    """One answer a picture, in order."""

    sheets: list[SheetAnswer]


class ModelFacts(BaseModel):
    """The model that reads."""

    classes: list[str]
    sha256: str = Field(description="Of the model file")
    is_digit_threshold: float = Field(description="Below this `is_digit` the model abstains")
    version: str = Field(description="Of number_prediction")
    engine: str = Field(description="What reads: the server")
    models: dict[str, str] = Field(description="What can be read, and the SHA-256 of its model file")


class Health(BaseModel):
    """The server runs."""

    status: str
