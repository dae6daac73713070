"""Answers of the API as pydantic models, for the documentation."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, Field

Box: TypeAlias = tuple[float, float, float, float]
_BOX = "Left, top, width and height in pixels of the picture"


class PictureWarning(BaseModel):
    """Something that may be wrong with a picture."""

    code: str
    text: str = Field(description="The warning in words, and what to do")


class DigitAnswer(BaseModel):
    """The digit in one picture: `DigitPrediction.to_dict()`."""

    label: int | None = Field(description="Index of the most probable class; null if the model abstains")
    text: str | None = Field(description="Name of that class; null if the model abstains")
    confidence: float = Field(ge=0, le=1, description="Probability of the label; 0 if the model abstains")
    is_digit: float = Field(ge=0, le=1, description="Probability that the picture shows a digit")
    probabilities: list[float] = Field(description="Probability of each class, in the order of /api/model")
    warnings: list[PictureWarning]
    frame: list[list[float]] | None = Field(
        None, description="With explain=true: the 28 x 28 input of the network, as rows"
    )
    ink: list[list[float]] | None = Field(
        None, description="With explain=true: the pixels taken for the digit, as rows"
    )


class DigitAnswers(BaseModel):
    """One answer per picture, in order."""

    predictions: list[DigitAnswer]


class GlyphAnswer(BaseModel):
    """One digit or sign of a number."""

    glyph: str
    confidence: float = Field(ge=0, le=1, description="Probability of the glyph")
    alternatives: list[tuple[str, float]] = Field(
        description="Other glyphs with their probabilities, most probable first"
    )
    box: Box = Field(description=_BOX)


class LineAnswer(BaseModel):
    """The number in one picture: `NumberPrediction.to_dict()`."""

    text: str | None = Field(description="The number; null if no allowed number fits")
    shown: str = Field(description="The text with ? for each uncertain digit; ? if no allowed number fits")
    confidence: float = Field(ge=0, le=1, description="Probability of the whole text")
    fit: float = Field(ge=0, le=1, description="Probability that the line contains an allowed number")
    glyphs: list[GlyphAnswer]


class LineAnswers(BaseModel):
    """One answer per picture, in order."""

    predictions: list[LineAnswer]


class PlacedNumber(LineAnswer):
    """A number on a page."""

    box: Box = Field(description=_BOX)
    corners: list[tuple[float, float]] = Field(
        description="Corners of the number, clockwise from the upper left of the writing"
    )


class SentPageAnswer(BaseModel):
    """Which page of what was sent is answered."""

    picture: int = Field(ge=1, description="Number of the picture or document in the request")
    page: int = Field(ge=1, description="Number of the page in its document; 1 for a picture")
    error: str | None = Field(None, description="Why this page of a document cannot be read, if it cannot")


class PageAnswer(SentPageAnswer):
    """All numbers on one page, in reading order."""

    skew: float = Field(0.0, description="Skew of the page in degrees; positive if lines fall to the right")
    numbers: list[PlacedNumber] = Field(default_factory=list)


class PageAnswers(BaseModel):
    """One answer per page, in order."""

    pages: list[PageAnswer]


class FieldAnswer(LineAnswer):
    """The number in a field of a form."""

    box: Box = Field(description=_BOX)


class SheetAnswer(SentPageAnswer):
    """A filled sheet of a form."""

    found: float = Field(
        0.0, ge=0, le=1, description="Share of the printed form that was found in the picture"
    )
    fields: dict[str, FieldAnswer] = Field(
        default_factory=dict, description="Answers by the name of the field"
    )


class SheetAnswers(BaseModel):
    """One answer per page, in order."""

    sheets: list[SheetAnswer]


class ModelFacts(BaseModel):
    """The models of the server."""

    classes: list[str] = Field(description="Names of the classes, in the order of the probabilities")
    sha256: str = Field(description="SHA-256 of the model file for digits")
    is_digit_threshold: float = Field(description="The model abstains if `is_digit` is below this")
    version: str = Field(description="Version of number_prediction")
    engine: str = Field(description='Where the pictures are read: "server"')
    models: dict[str, str] = Field(description='SHA-256 of each model file, by "digit" and "number"')


class Health(BaseModel):
    """The state of the server."""

    status: str
