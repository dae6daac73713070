"""Network: the part of an exported model after the frame, for explaining its answers.

Frames (N, 28, 28) float32 in [0, 1] -> calibrated probabilities (N, C), feature maps, first-layer filters. It
uses the nodes of the exported graph itself. A network that also sees the paper gets clean paper. Needs the
extra `train` (onnx).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

from number_prediction.constants import FRAME_SIZE
from number_prediction.digits.predictor import OUTPUTS, PAPER, Predictor
from number_prediction.errors import ModelError

BATCH_SIZE = 100
"""Frames per call of ONNX Runtime."""
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_RESHAPING = ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity")


class Network:
    """The network inside a loaded model; several threads may use it at once."""

    def __init__(self, predictor: Predictor) -> None:
        """Cut the network out of the model that `predictor` runs.

        Raises:
            ModelError: the file was changed after it was loaded, or its graph cannot be cut at the frame.
        """
        frame, probabilities = OUTPUTS[:2]
        whole = onnx.load_model_from_string(predictor.read_model())
        try:
            shown = [PAPER] if any(each.name == PAPER for each in whole.graph.output) else []
            self._model = Extractor(whole).extract_model([frame, *shown], [probabilities])
        except Exception as error:  # onnx documents no exceptions
            raise ModelError(f"{predictor.path}: its graph cannot be cut at the frame ({error})") from error
        _set_on_clean_paper(self._model)
        self._session = _session(self._model)
        self._class_count = len(predictor.classes)
        self._threads = predictor.threads

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, C) float32 of frames (N, 28, 28) float32 in [0, 1]."""
        answers = np.empty((len(frames), self._class_count), np.float32)

        def run_batch(begin: int) -> None:
            batch = slice(begin, begin + BATCH_SIZE)
            (answers[batch],) = self._session.run(None, {OUTPUTS[0]: frames[batch]})

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(run_batch, range(0, len(frames), BATCH_SIZE)))
        return answers

    def feature_maps(self, frame: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Output of each layer for a frame (28, 28): arrays (channels, height, width), first layer first.

        A layer's output is the input of the next weights. Layers without rows and columns, such as those of a
        multilayer perceptron, are (channels, 1, 1). The answer is left out, so a network of one layer has no
        feature maps.
        """
        *layers, _ = _session(self.with_layers()).run(
            None, {OUTPUTS[0]: frame[np.newaxis].astype(np.float32)}
        )
        return [_as_maps(layer[0]) for layer in layers]

    def with_layers(self) -> onnx.ModelProto:
        """A new model from "frame" to all layers, first layer first, and "probabilities"."""
        deeper = onnx.ModelProto()
        deeper.CopyFrom(self._model)
        del deeper.graph.output[:]
        names = _layer_outputs(self._model)
        deeper.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        deeper.graph.output.extend(self._model.graph.output)
        return deeper

    def first_layer_filters(self) -> NDArray[np.float32] | None:
        """Weights of the first layer as pictures (K, height, width): 3x3 for a convolution, else 28x28.

        None if they are not applied to the frame itself, so that they are not pictures.
        """
        weights = {item.name: item for item in self._model.graph.initializer}
        node = next(iter(_weighted(self._model)), None)
        if node is None:
            return None
        name = next(name for name in node.input if name in weights)
        values = np.asarray(numpy_helper.to_array(weights[name]), dtype=np.float32)
        if values.ndim == 4:  # a convolution's: (K, channels, height, width); ink first, then paper
            return values[:, 0] if values.shape[1] <= 2 else None
        if values.ndim != 2 or FRAME_SIZE**2 not in values.shape:
            return None
        rows = values if values.shape[1] == FRAME_SIZE**2 else values.T  # (K, 784)
        return rows.reshape(-1, FRAME_SIZE, FRAME_SIZE)


def _set_on_clean_paper(model: onnx.ModelProto) -> None:
    """Replace the input PAPER of a network, if it has one, by the frame's ink on clean paper."""
    inputs = [each for each in model.graph.input if each.name != PAPER]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if any(PAPER in node.input for node in model.graph.node):
        ones = numpy_helper.from_array(np.array(1, np.float32), "clean.one")
        thirds = numpy_helper.from_array(np.array(3, np.float32), "clean.three")
        model.graph.initializer.extend([ones, thirds])
        nodes = [
            helper.make_node("Add", [OUTPUTS[0], ones.name], ["clean.sum"]),
            helper.make_node("Div", ["clean.sum", thirds.name], [PAPER]),
            *model.graph.node,
        ]
        del model.graph.node[:]
        model.graph.node.extend(nodes)


def _weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Operators with weights, in order."""
    weights = {item.name for item in model.graph.initializer}
    return [
        node
        for node in model.graph.node
        if node.op_type in _WEIGHTED and any(name in weights for name in node.input)
    ]


def _layer_outputs(model: onnx.ModelProto) -> list[str]:
    """Names of the layers' outputs: the inputs of all weighted operators except the first."""
    before_reshaping = {
        node.output[0]: node.input[0] for node in model.graph.node if node.op_type in _RESHAPING
    }
    names: list[str] = []
    for node in _weighted(model):
        name = node.input[0]
        while name in before_reshaping:
            name = before_reshaping[name]
        if name not in names:
            names.append(name)
    return names[1:]


def _as_maps(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels,), (height, width) or (channels, height, width) -> (channels, height, width)."""
    if output.ndim == 1:
        return output[:, np.newaxis, np.newaxis]
    return output[np.newaxis] if output.ndim == 2 else output


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
