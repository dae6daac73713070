"""Recipes: an architecture and everything that decides a training. The table of all recipes is at the end.

To add one, write a class or function in `networks/digits.py` that takes the number of classes and returns a
module, and add an entry to RECIPES. `train --list` then shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from number_prediction.errors import TrainingError
from number_prediction.training.augmentation.affine import Augmentation
from number_prediction.training.augmentation.both_frames import Shaking
from number_prediction.training.augmentation.handwriting import Rewriting
from number_prediction.training.networks.digits import CNN, MLP, FastCNN, MicroCNN, ResNet, TinyCNN
from number_prediction.training.networks.ink import InkNet
from number_prediction.training.networks.lines import LineNet
from number_prediction.training.networks.paper_lines import PaperLineNet
from number_prediction.training.synthesis.companions import Companions
from number_prediction.training.synthesis.crops import CropRecipe
from number_prediction.training.synthesis.glyphs import LineRecipe


@dataclass(frozen=True, kw_only=True)
class LineCropRecipe:
    """How many lines an ink network learns from."""

    epoch: int = 40_000
    """Lines that count as one epoch."""


@dataclass(frozen=True, kw_only=True)
class PaperLineRecipe:
    """What a reader of lines on paper learns from."""

    epoch: int = 96_000
    """Lines that count as one epoch."""
    numbers: float = 0.4
    """Share of the lines that are real numbers."""
    words: float = 0.04
    """That are real words; all others are composed."""
    teacher_weight: float = 0.5
    """Of the divergence from the teacher beside the CTC loss."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training besides data, seed, threads and machine."""

    name: str
    architecture: Callable[[int], nn.Module]
    """Number of classes -> network from (N, 1, 28, 28) to logits (N, C)."""
    summary: str
    """One line for `train --list` and the model card."""
    epochs: float
    """Passes over the training images; 2.5 is two passes and a half."""
    min_batches: int = 400
    """Fewest batches of a training, so that a small data set gets more passes."""
    batch_size: int = 256
    learning_rate: float = 0.2
    """Peak of the one-cycle schedule (Smith and Topin, 2018)."""
    warmup: float = 0.2
    """Share of the steps in which the learning rate rises from 0 to its peak; it then falls to 0."""
    momentum: float = 0.9
    """Nesterov momentum of stochastic gradient descent; the first beta of AdamW."""
    weight_decay: float = 5e-4
    """Weight decay of matrices and filters; biases and batch normalisation have none."""
    label_smoothing: float = 0.1
    """Share of the target spread evenly over the classes (Szegedy et al., 2016)."""
    ema_decay: float = 0.0
    """Decay per step of the averaged weights that are kept in the end; 0 keeps the last weights."""
    optimizer: Literal["sgd", "adamw", "muon"] = "sgd"
    """Gradient descent with Nesterov momentum, AdamW (Loshchilov, Hutter, 2019), or Muon (Jordan et al.,
    2024) for all but the last layer."""
    largest_gradient: float = 0.0
    """Norm to which the gradient is clipped; 0 does not clip."""
    augmentation: Augmentation | Rewriting | Shaking | None = field(default_factory=Augmentation)
    """Random changes of frames; None for lines, which vary as they are composed."""
    augmented: float = 1.0
    """Share of the batches that are augmented; the last batches of a training are not."""
    companions: Companions | None = None
    """Generated hands and non-digits to train on beside the data set; with them, the model abstains."""
    lines: LineRecipe | None = None
    """Lines composed of the data set's digits; with them, the model reads numbers."""
    crops: CropRecipe | None = None
    """Crops composed from the data set and open data; with them, the network learns which pixels are ink."""
    paper: CropRecipe | None = None
    """Crops that an ink network frames; with them, the network learns from ink and paper, and the model
    abstains. One epoch of crops is composed; every epoch repeats it."""
    line_crops: LineCropRecipe | None = None
    """Lines composed on paper; with them, the network learns which pixels are a line's ink."""
    paper_lines: PaperLineRecipe | None = None
    """Real and composed lines that an ink network frames; with them, the model reads numbers on paper."""
    validations: int = 8
    """Validations in a training, evenly spread; at least one per epoch."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Arithmetic of forward and backward pass, if the device is fast in it; weights are always fp32."""

    @property
    def learns_data_as_it_is(self) -> bool:
        """Whether its classes are those of the data set, and nothing generated is added."""
        return all(
            part is None
            for part in (
                self.companions,
                self.lines,
                self.crops,
                self.paper,
                self.line_crops,
                self.paper_lines,
            )
        )

    def override(
        self,
        *,
        epochs: float | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
    ) -> Recipe:
        """The recipe with the values that are given. Given epochs are exact, also for a small data set."""
        given = {
            "epochs": epochs,
            "min_batches": None if epochs is None else 0,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }
        return replace(self, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def count_parameters(self) -> int:
        """Parameters of the network for the ten digits, or for lines."""
        with torch.random.fork_rng(()):
            network = self.architecture(10)
        return sum(parameter.numel() for parameter in network.parameters())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the architecture goes by the recipe's name."""
        values = asdict(self)
        del values["architecture"]
        return values

    @property
    def abstains(self) -> bool:
        """Whether the model may answer that there is no digit."""
        return self.companions is not None or self.paper is not None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` wrote."""
        known = {each.name for each in fields(cls)} - {"architecture"}
        if set(values) != known:
            raise TrainingError(
                f"the fields {', '.join(sorted(set(values) ^ known))} of the recipe are not those of this "
                "version; use the version of number_prediction that trained it"
            )
        recipe = get_recipe(values["name"])
        parts: dict[str, Callable[..., Any]] = {
            "augmentation": type(recipe.augmentation),
            "companions": Companions,
            "lines": LineRecipe,
            "crops": CropRecipe,
            "paper": CropRecipe,
            "line_crops": LineCropRecipe,
            "paper_lines": PaperLineRecipe,
        }
        changed = {
            name: None if values[name] is None else make(**values[name]) for name, make in parts.items()
        }
        return replace(recipe, **{**values, **changed})


def get_recipe(name: str) -> Recipe:
    """The recipe of that name; raises TrainingError, which lists all recipes, for any other name."""
    try:
        return RECIPES[name]
    except KeyError:
        raise TrainingError(f"no recipe named {name!r}; choose one of {', '.join(RECIPES)}") from None


RECIPES = {
    "fast": Recipe(
        name="fast",
        architecture=FastCNN,
        summary="small convolutional network; trains in a second or two",
        epochs=0.8,
        min_batches=100,
        batch_size=192,
        learning_rate=0.025,
        momentum=0.8,
        weight_decay=0.0,
        optimizer="adamw",
        augmentation=Augmentation(rotation=0, shift=0, scale=0, shear=0),
        validations=1,
    ),
    "mlp": Recipe(
        name="mlp",
        architecture=MLP,
        summary="multilayer perceptron, 784-128-64-10",
        epochs=16,
        learning_rate=0.1,
        precision="fp32",
        augmentation=Augmentation(rotation=6, shift=1, scale=0.06, shear=0.06, shared=8),
        augmented=0.75,
    ),
    "cnn": Recipe(
        name="cnn",
        architecture=CNN,
        summary="four convolutions; the default",
        epochs=3,
        weight_decay=0.0,
        optimizer="muon",
        augmentation=Augmentation(shift=1, shared=8),
        augmented=0.75,
    ),
    "resnet": Recipe(
        name="resnet",
        architecture=ResNet,
        summary="residual network; accurate in minutes",
        epochs=8,
        augmentation=Augmentation(rotation=15, scale=0.15, shear=0.15),
    ),
    "micro": Recipe(
        name="micro",
        architecture=MicroCNN,
        summary="convolutional network of fewer than 2,000 parameters",
        epochs=12,
        weight_decay=0.0,
        label_smoothing=0.05,
        optimizer="muon",
        augmentation=Augmentation(rotation=6, shift=1, scale=0.06, shear=0.06, shared=8),
        augmented=0.75,
    ),
    "tiny": Recipe(
        name="tiny",
        architecture=TinyCNN,
        summary="convolutional network of fewer than 10,000 parameters",
        epochs=20,
        weight_decay=0.0,
        optimizer="muon",
        augmentation=Augmentation(shift=1, shared=8),
        augmented=0.75,
    ),
    "best": Recipe(
        name="best",
        architecture=partial(ResNet, width=48),
        summary="wider residual network; the most accurate",
        epochs=12,
        ema_decay=0.995,
        augmentation=Augmentation(rotation=15, scale=0.15, shear=0.15, elastic=1.0),
        augmented=0.8,
    ),
    "handwriting": Recipe(
        name="handwriting",
        architecture=ResNet,
        summary="residual network for anyone's handwriting; abstains from pictures that are not a digit",
        epochs=28,
        label_smoothing=0.05,
        ema_decay=0.998,
        augmentation=Rewriting(),
        companions=Companions(),
    ),
    "paper": Recipe(
        name="paper",
        architecture=partial(ResNet, width=40, frames=2),
        summary="residual network for digits on any paper, behind an ink network; abstains from what is none",
        epochs=10,
        label_smoothing=0.05,
        ema_decay=0.998,
        augmentation=Shaking(),
        augmented=0.85,
        paper=CropRecipe(epoch=192_000, others=0.24, several=0.08, empty=0.06),
    ),
    "ink": Recipe(
        name="ink",
        architecture=InkNet,
        summary="U-Net that tells the writing that is meant from paper, rules, neighbours and print",
        epochs=8,
        batch_size=64,
        learning_rate=0.004,
        warmup=0.1,
        weight_decay=0.0,
        optimizer="adamw",
        largest_gradient=2.0,
        ema_decay=0.998,
        augmentation=None,
        crops=CropRecipe(),
        validations=6,
    ),
    "number": Recipe(
        name="number",
        architecture=LineNet,
        summary="convolutional network with CTC for whole numbers on a line",
        epochs=9,
        batch_size=96,
        learning_rate=0.1,
        warmup=0.08,
        weight_decay=0.0,
        optimizer="muon",
        largest_gradient=2.0,
        ema_decay=0.998,
        augmentation=None,
        lines=LineRecipe(),
    ),
    "line-ink": Recipe(
        name="line-ink",
        architecture=InkNet,
        summary="U-Net that tells the line that is meant from paper, rules, neighbours and print",
        epochs=1,
        batch_size=32,
        learning_rate=0.004,
        warmup=0.1,
        weight_decay=0.0,
        optimizer="adamw",
        largest_gradient=2.0,
        augmentation=None,
        line_crops=LineCropRecipe(),
        validations=4,
    ),
    "line": Recipe(
        name="line",
        architecture=partial(PaperLineNet, frozen_blocks=3),
        summary="PP-OCRv6's recogniser with few classes, for whole numbers on any paper",
        epochs=1,
        batch_size=48,
        learning_rate=2.5e-4,
        warmup=0.05,
        momentum=0.9,
        weight_decay=0.02,
        optimizer="adamw",
        largest_gradient=1.0,
        ema_decay=0.998,
        augmentation=None,
        paper_lines=PaperLineRecipe(),
        validations=3,
    ),
}
"""All recipes by name."""
