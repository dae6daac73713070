"""Evaluation and predictor -> Analysis: why the model answered as it did, and when to trust it.

It has saliency and nearest training pictures of errors and uncertain answers, a check of the saliency, the
accuracy under distortions, and the output of the layers. Needs the extra `train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from number_prediction.datasets.exploration import Embedding, nearest_neighbours, sample
from number_prediction.datasets.split import Split
from number_prediction.digits.predictor import Predictor
from number_prediction.errors import DataError
from number_prediction.evaluation.digits import Evaluation
from number_prediction.evaluation.network import Network
from number_prediction.evaluation.robustness import measure_robustness
from number_prediction.evaluation.saliency import (
    Faithfulness,
    SaliencyMethod,
    measure_faithfulness,
    occlusion,
    random_saliency,
)

MAX_EXPLAINED_PICTURES = 300
"""Most pictures with saliency and neighbours: first errors, then the least certain answers."""
NEIGHBOURS_PER_PICTURE = 6
FAITHFULNESS_PICTURES = 200
"""Random pictures for checking the saliency."""
ROBUSTNESS_PICTURES = 1000
"""Random pictures to be distorted."""
MAX_REFERENCE_PICTURES = 60_000
"""Most training pictures for finding neighbours; larger sets are sampled at random."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest training pictures of D pictures."""

    index: NDArray[np.intp]
    """(D, K) their numbers in the training part, nearest first."""
    label: NDArray[np.intp]
    """(D, K) index of their class."""
    frames: NDArray[np.uint8]
    """(D, K, 28, 28), ink 255."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Results that an evaluation's report shows besides its figures."""

    explained: NDArray[np.intp]
    """(D,) indices of the explained pictures in the evaluation."""
    saliency: Mapping[str, NDArray[np.float32]]
    """Name of a method -> maps (D, 28, 28), positive at pixels that speak for the answer."""
    neighbours: Neighbours | None
    """Nearest training pictures; None if the training pictures are unknown."""
    faithfulness: Mapping[str, Faithfulness]
    """Name of a method, including "random" -> its curves."""
    robustness: pandas.DataFrame
    """Result of `measure_robustness`."""
    picture: int
    """Index of the picture with feature maps."""
    feature_maps: tuple[NDArray[np.float32], ...]
    """Output of each layer for that picture, (channels, height, width)."""
    filters: NDArray[np.float32] | None
    """(K, height, width) weights of the first layer; None if they are not pictures."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values, ready for JSON."""
        return {
            "robustness": self.robustness.to_dict("records"),
            "faithfulness": {
                name: {"deletion_area": curve.deletion_area, "insertion_area": curve.insertion_area}
                for name, curve in self.faithfulness.items()
            },
        }


def analyse(
    evaluation: Evaluation,
    predictor: Predictor,
    *,
    training: Split | None = None,
    methods: Mapping[str, SaliencyMethod] | None = None,
    picture: int | None = None,
    seed: int = 0,
) -> Analysis:
    """Analyse the answers of a model.

    Args:
        evaluation: answers of the model.
        predictor: the model.
        training: its training frames (M, 28, 28) uint8, for nearest neighbours.
        methods: saliency methods besides occlusion.
        picture: picture with feature maps; by default the most confident error, else the first picture.
        seed: seed of random samples.

    Raises:
        DataError: no such picture, or the training frames have other classes than the model.
    """
    if picture is None:
        picture = int(evaluation.errors[0]) if len(evaluation.errors) else 0
    elif not 0 <= picture < len(evaluation.labels):
        raise DataError(f"no picture {picture}; choose one of pictures 0 to {len(evaluation.labels) - 1}")
    if training is not None and training.classes != evaluation.classes:
        raise DataError(
            f"the training pictures have classes {', '.join(training.classes)}, but the model has "
            f"{', '.join(evaluation.classes)}; give the pictures it was trained on, or add --no-analysis"
        )
    network = Network(predictor)
    everything: dict[str, SaliencyMethod] = {
        "occlusion": occlusion(network),
        **(methods or {}),
    }
    explained = _worth_a_look(evaluation)
    frames, answers = evaluation.frames_and_answers(explained)
    checked = evaluation.frames_and_answers(sample(evaluation.split, FAITHFULNESS_PICTURES, seed=seed))
    shown, _ = evaluation.frames_and_answers(np.array([picture]))
    distorted = evaluation.split.select(sample(evaluation.split, ROBUSTNESS_PICTURES, seed=seed))
    return Analysis(
        explained=explained,
        saliency={name: method(frames, answers) for name, method in everything.items()},
        neighbours=_find_neighbours(evaluation.split.select(explained), training, seed)
        if training is not None
        else None,
        faithfulness={
            name: measure_faithfulness(network, *checked, method(*checked))
            for name, method in {**everything, "random": random_saliency}.items()
        },
        robustness=measure_robustness(predictor, distorted, seed=seed),
        picture=picture,
        feature_maps=tuple(network.feature_maps(shown[0])),
        filters=network.first_layer_filters(),
    )


def _worth_a_look(evaluation: Evaluation) -> NDArray[np.intp]:
    """Indices of the errors, the most confident first, then of the least certain right answers."""
    right = np.flatnonzero(evaluation.correct)
    doubtful = right[np.argsort(evaluation.probabilities[right].max(1), kind="stable")]
    return np.concatenate([evaluation.errors, doubtful])[:MAX_EXPLAINED_PICTURES]


def _find_neighbours(split: Split, training: Split, seed: int) -> Neighbours:
    known = sample(training, MAX_REFERENCE_PICTURES, seed=seed)
    reference = training.select(known)
    embedding = Embedding.of(reference, seed=seed)
    _, nearest = nearest_neighbours(embedding.points, embedding.transform(split), NEIGHBOURS_PER_PICTURE)
    return Neighbours(
        known[nearest], reference.labels[nearest].astype(np.intp), np.asarray(reference.images)[nearest]
    )
