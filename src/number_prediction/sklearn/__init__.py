"""Estimators for scikit-learn. Needs the extra `train`."""

from number_prediction.errors import MissingExtraError

try:
    from number_prediction.sklearn.classifier import DigitClassifier as DigitClassifier
except ModuleNotFoundError as error:
    raise MissingExtraError.of(error, "train") from error
