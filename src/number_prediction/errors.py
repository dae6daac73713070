"""Errors: what every module may raise; the messages name the cure."""

from __future__ import annotations


class NumberPredictionError(Exception):
    """Base of all errors this package raises on purpose; the message names the mend."""


class ImageError(NumberPredictionError):
    """A picture that cannot be read or is refused."""


class UnsupportedImageError(ImageError):
    """What was given is no picture of a format that can be decoded."""


class ImageTooLargeError(ImageError):
    """A picture of more bytes or pixels than are allowed; by what it claims, before it is decoded."""


class DataError(NumberPredictionError):
    """A data set that is missing, damaged or contradicts itself."""


class ModelError(NumberPredictionError):
    """A model file that is missing, altered or of the wrong kind."""


class TrainingError(NumberPredictionError):
    """A training run that cannot start, go on or be saved."""


class ConstraintError(NumberPredictionError):
    """What is known of a number is put in a way that cannot be used: contradictory, or of unknown words."""


class ServingError(NumberPredictionError):
    """The server cannot listen where it was told to."""


class ClusterError(NumberPredictionError):
    """A Ray cluster that cannot be reached, or did not do all of its work."""


class MissingExtraError(NumberPredictionError):
    """Something needs packages of an extra that is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError, extra: str) -> MissingExtraError:
        """What a failed import of a package of `extra` means for people."""
        return cls(
            f"this needs the package {error.name}, which is not installed; "
            f"install it with: pip install 'number-prediction[{extra}]'"
        )
