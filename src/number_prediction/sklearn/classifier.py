"""DigitClassifier: a recipe of this package as a scikit-learn classifier. X and y in, labels out."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from number_prediction.datasets.split import Split, Splits, divide
from number_prediction.errors import MissingExtraError
from number_prediction.sklearn.inputs import (
    FRAME_PIXELS,
    PixelScale,
    holds_pictures,
    pictures_to_frames,
    rows_to_frames,
    to_pixels,
    to_table,
)

if TYPE_CHECKING:
    from number_prediction.runs.run import Record
    from number_prediction.training import Recipe, TrainedNetwork

MAX_CLASSES = 255
"""Labels are kept as uint8."""


class DigitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A network of this package as a scikit-learn classifier.

    X is one of these:

    - a table (N, D), an array or a pandas frame: each row is a square picture, pixel by pixel. MNIST has
      784 columns. Rows of other lengths are resized to 28 x 28.
    - an array (N, 28, 28) or (N, 1, 28, 28): pictures in the form of MNIST, light ink on a dark ground.
    - pictures of any kind and size: an array (N, H, W) or (N, H, W, 3), or a list of paths, PIL images or
      arrays. Dark on light or light on dark, each is framed as `Predictor` does it.

    Tables and arrays (N, 28, 28) are taken as they are. `fit` and `predict` take all of these, also in turn:
    a classifier that was fitted on MNIST as a table reads photographs.

    Attributes:
        classes_: (C,) the labels, sorted.
        n_features_in_: columns of the table that was fitted; 784 for pictures.
        feature_names_in_: names of these columns, if X was a pandas frame with names.
        history_: the log of the training, one record each 20 batches and one for each validation.
        network_: the trained network with its temperature.

    Example:
        >>> from number_prediction.sklearn import DigitClassifier
        >>> classifier = DigitClassifier(recipe="cnn", epochs=1, random_state=0).fit(X_train, y_train)
        >>> classifier.score(X_test, y_test)
    """

    def __init__(
        self,
        recipe: str = "cnn",
        *,
        epochs: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_fraction: float = 0.1,
        threads: int | None = None,
        device: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        """Keep the parameters; `fit` checks them.

        Args:
            recipe: "fast", "mlp", "cnn", "resnet", "best", "tiny" or "micro".
            epochs: passes over the training pictures; by default the recipe's, and for small data more.
            batch_size: pictures a batch; by default the recipe's.
            learning_rate: peak of the schedule; by default the recipe's.
            validation_fraction: share in [0, 1) of the pictures of each class that are not trained on. They
                calibrate the probabilities. 0, or too few pictures of a class, leaves them uncalibrated.
            threads: of the processor; by default all cores. Set it to 1 beside `n_jobs`.
            device: "cuda", "mps" or "cpu"; by default the best there is.
            random_state: seed of weights, order and augmentation. An int gives the same network each time.
            verbose: print the accuracy at each validation.
        """
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.threads = threads
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that X may be a table or an array of three dimensions."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: Any, y: ArrayLike) -> Self:  # noqa: N803 scikit-learn's names
        """Train a new network.

        Args:
            X: N pictures; the class says what they may be.
            y: (N,) labels of any kind: numbers, strings, booleans.

        Raises:
            ValueError: X or y cannot be used, or a parameter is out of range.
            TrainingError: no such recipe, or the training diverged.
        """
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}; give a share from 0 up to, not with, 1"
            )
        recipe = self._recipe()
        frames, labels = self._frames_to_fit(X, y)
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y holds one class only; a classifier needs at least two to tell apart")
        if len(self.classes_) > MAX_CLASSES:
            raise ValueError(
                f"y holds {len(self.classes_)} classes, more than {MAX_CLASSES}; are they labels, "
                "or values of a regression?"
            )
        names = tuple(str(number) for number in range(len(self.classes_)))
        self.network_, self.history_ = self._train(
            recipe, Split(frames, indices.astype(np.uint8), names), self._seed()
        )
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The most probable label of each picture, (N,)."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities (N, C) of the labels, in the order of `classes_`."""
        check_is_fitted(self)
        return self.network_.probabilities(self._frames_to_read(X))

    def _recipe(self) -> Recipe:
        try:
            from number_prediction.training import get_recipe
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(error, "train") from error
        recipe = get_recipe(self.recipe)
        if not recipe.learns_data_as_it_is:
            raise ValueError(
                f"recipe {self.recipe!r} generates pictures of its own beside X; "
                "choose fast, mlp, cnn, resnet, best, tiny or micro"
            )
        changes: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
        }
        for name, value in changes.items():
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; give a number above 0, or None for the recipe's")
        return recipe.override(**changes)

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _frames_to_fit(self, X: Any, y: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[Any]]:  # noqa: N803
        """Frames (N, 28, 28) uint8 and labels (N,); what X looked like is kept for `predict`."""
        X = to_pixels(X)  # noqa: N806
        if holds_pictures(X):
            labels = column_or_1d(y, warn=True)
            check_consistent_length(X, labels)
            self.n_features_in_, self._scale = FRAME_PIXELS, PixelScale.of_bytes()
            self.__dict__.pop("feature_names_in_", None)
            return pictures_to_frames(X), labels
        table, labels = validate_data(self, to_table(X), y)
        self._scale = PixelScale.learn(table)
        return rows_to_frames(table, self._scale), labels

    def _frames_to_read(self, X: Any) -> NDArray[np.uint8]:  # noqa: N803
        """Frames (N, 28, 28) uint8."""
        X = to_pixels(X)  # noqa: N806
        if not holds_pictures(X):
            return rows_to_frames(validate_data(self, to_table(X), reset=False), self._scale)
        if self.n_features_in_ != FRAME_PIXELS:
            raise ValueError(
                f"X holds pictures, but DigitClassifier was fitted on a table of {self.n_features_in_} "
                "columns; give a table with the same columns, or fit on pictures"
            )
        return pictures_to_frames(X)

    def _train(self, recipe: Recipe, whole: Split, seed: int) -> tuple[TrainedNetwork, tuple[Record, ...]]:
        from number_prediction.training import Interrupted, fit, load_trained, start_run

        smallest_class = int(np.bincount(whole.labels).min())
        is_calibrated = smallest_class * self.validation_fraction >= 1
        train = validation = whole
        if is_calibrated:
            train, validation = divide(whole, round(len(whole) * self.validation_fraction), seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            run = start_run(
                recipe,
                Path(folder) / "run",
                data="X, y",
                seed=seed,
                threads=self.threads,
                device=self.device,
            )
            history = []
            try:
                with closing(fit(run, Splits(train, validation, validation))) as records:
                    for record in records:
                        history.append(record)
                        if self.verbose and record.validation_accuracy is not None:
                            print(f"epoch {record.epoch:.2f}: accuracy {record.validation_accuracy:.2%}")
            except Interrupted:
                raise KeyboardInterrupt from None  # which ends a search over parameters too
            trained = load_trained(run)
        return (trained if is_calibrated else replace(trained, temperature=1.0)), tuple(history)
