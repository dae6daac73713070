"""Errors of the package. Each message says what is wrong with a value, and then what to do."""

from __future__ import annotations


class NumberPredictionError(Exception):
    """Base class of all errors that this package raises."""


class ImageError(NumberPredictionError):
    """A picture cannot be read."""


class UnsupportedImageError(ImageError):
    """The file is not a picture, or its format cannot be decoded."""


class ImageTooLargeError(ImageError):
    """A picture has more bytes or pixels than allowed; its header tells before it is decoded."""


class DataError(NumberPredictionError):
    """A data set is missing, damaged or contradictory."""


class ModelError(NumberPredictionError):
    """A model file is missing, altered or of the wrong kind."""


class TrainingError(NumberPredictionError):
    """A training cannot start, resume or be saved."""


class ConstraintError(NumberPredictionError):
    """A constraint is contradictory or malformed."""


class ServingError(NumberPredictionError):
    """The server cannot listen on the given address."""


class ClusterError(NumberPredictionError):
    """A Ray cluster cannot be reached, or did not finish its work."""


class MissingExtraError(NumberPredictionError):
    """A package of an optional extra is not installed."""

    @classmethod
    def of(cls, error: ModuleNotFoundError, extra: str) -> MissingExtraError:
        """Make the error of a failed import of a package that `extra` installs."""
        return cls(
            f"the package {error.name} is not installed; "
            f"install it with: pip install 'number-prediction[{extra}]'"
        )
