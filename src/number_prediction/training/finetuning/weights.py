"""An exported model -> its network for further training; the trained network -> the model with new weights.

In: a loaded model (ONNX). Out: the network of the recipe that fits the file, with the file's weights; and an
ONNX file that differs from the first only in weights and temperature, without a new export. An export folds a
batch normalisation into the layer before it. The network then has no such normalisation, and the layer has a
bias instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from number_prediction.constants import NOT_A_DIGIT
from number_prediction.digits.predictor import OUTPUTS, Predictor
from number_prediction.errors import ModelError
from number_prediction.training.export.packing import unpack
from number_prediction.training.loop.trained import TrainedNetwork, build_network
from number_prediction.training.recipes import RECIPES, Recipe

TEMPERATURE = "calibration.temperature"
"""Name of the temperature in a file written by this module."""
_PREFIX = "network."
"""Prefix of the names of the network's weights in a file; the network is a part of the digit graph."""
_WEIGHTED = ("Conv", "Gemm")
_CUTTING = ("Slice", "Softmax")
"""Operators between the division by the temperature and the probabilities."""


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """An exported model and its network."""

    trained: TrainedNetwork
    """In evaluation mode; training in that mode keeps the statistics of batch normalisations."""
    recipe: Recipe
    """The first recipe whose network has the file's weights."""
    model: onnx.ModelProto
    initializers: dict[str, str]
    """Name in the network's state -> name in the file."""

    def to_onnx(self, trained: TrainedNetwork) -> bytes:
        """The file with the weights and the temperature of the trained network."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        state = trained.network.state_dict()
        for name, initializer in self.initializers.items():
            if initializer not in tensors:
                continue  # packed weights, of an ink network that does not learn
            values = state[name].detach().cpu().contiguous().numpy()
            tensors[initializer].CopyFrom(numpy_helper.from_array(values, initializer))
        if TEMPERATURE not in tensors:  # other nodes may share the constant that the file has there
            _find_division(model).input[1] = TEMPERATURE
            model.graph.initializer.add(name=TEMPERATURE)
            tensors[TEMPERATURE] = model.graph.initializer[-1]
        tensors[TEMPERATURE].CopyFrom(
            numpy_helper.from_array(np.array(trained.temperature, np.float32), TEMPERATURE)
        )
        content: bytes = model.SerializeToString()
        return content


def open_model(predictor: Predictor) -> OpenedModel:
    """The network inside a loaded model, with its weights; its count of training steps is 0.

    Raises:
        ModelError: no recipe has a network of these weights, or the file was changed after it was loaded.
    """
    model = onnx.load_model_from_string(predictor.read_model())
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights |= unpack(model.graph)
    for recipe in (each for each in RECIPES.values() if each.lines is None and each.crops is None):
        classes = (*predictor.classes, NOT_A_DIGIT) if recipe.abstains else predictor.classes
        network = build_network(recipe, len(classes), torch.zeros(()), torch.ones(()))
        initializers = _match(network, model, weights)
        if initializers is not None:
            state = {name: torch.tensor(weights[each]) for name, each in initializers.items()}
            network.load_state_dict(state, strict=False)  # files have no counts of batches
            trained = TrainedNetwork(
                network=network.eval().to(memory_format=torch.channels_last),  # type: ignore[call-overload]
                temperature=float(weights[_find_division(model).input[1]]),
                threshold=predictor.threshold,
                classes=classes,
                steps=0,
                seconds=0.0,
            )
            return OpenedModel(trained, recipe, model, initializers)
    raise ModelError(
        f"{predictor.path}: its weights fit no recipe ({', '.join(RECIPES)}), so it cannot be adapted; "
        "give a model written by number-prediction train or export"
    )


def _match(
    network: nn.Module, model: onnx.ModelProto, weights: dict[str, NDArray[Any]]
) -> dict[str, str] | None:
    """Name in the network's state -> name in the file; None if they do not fit.

    Batch normalisations that the export folded are removed from the network.
    """
    biases = {
        node.input[1]: node.input[2]
        for node in model.graph.node
        if node.op_type in _WEIGHTED and len(node.input) > 2
    }
    for path, module in list(network.named_modules()):
        name = f"{_PREFIX}{path}.weight"
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is None and name in biases:
            module.bias = nn.Parameter(torch.zeros(len(module.weight)))
        if (
            isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
            and f"{_PREFIX}{path}.running_mean" not in weights
        ):
            network.set_submodule(path, nn.Identity())
    names = {}
    for name, values in network.state_dict().items():
        if name.endswith(".num_batches_tracked"):
            continue
        in_file = _PREFIX + name
        if name.endswith(".bias"):
            in_file = biases.get(in_file.removesuffix("bias") + "weight", in_file)
        if in_file not in weights or weights[in_file].shape != tuple(values.shape):
            return None
        names[name] = in_file
    return names


def _find_division(model: onnx.ModelProto) -> onnx.NodeProto:
    """Find the division of the logits by the temperature."""
    makers = {output: node for node in model.graph.node for output in node.output}
    node = makers[OUTPUTS[1]]
    while node.op_type in _CUTTING:
        node = makers[node.input[0]]
    constants = {tensor.name for tensor in model.graph.initializer}
    if node.op_type != "Div" or node.input[1] not in constants:
        raise ModelError("the model does not divide its logits by a temperature; export it again")
    division: onnx.NodeProto = node
    return division
