"""Estimators for scikit-learn. Extra `train`."""

from number_prediction.sklearn.classifier import DigitClassifier as DigitClassifier
