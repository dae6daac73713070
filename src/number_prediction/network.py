"""Network: the part of an exported model after the frame, to be asked about altered frames and looked into.

Frames (N, 28, 28) float32 in [0, 1] -> calibrated probabilities (N, C), feature maps, first-layer filters.
The graph's own nodes are used, so what is explained is what answers. Needs the extra `train` (onnx).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.utils import Extractor

from number_prediction.predictor import OUTPUTS, Predictor
from number_prediction.types import FRAME_SIZE, ModelError

BATCH_SIZE = 100
_LAYER_ENDS = ("Relu", "Add", "MaxPool")
"""Operators whose output ends a layer; where several follow each other, the last counts."""
_WEIGHTED = ("Conv", "Gemm", "MatMul")


class Network:
    """The network inside a loaded model; it may be used by several threads at once."""

    def __init__(self, predictor: Predictor) -> None:
        """Cut the network out of the model that `predictor` runs.

        Raises:
            ModelError: the file was altered since it was loaded, or its graph cannot be cut at the frame.
        """
        frame, probabilities, _ = OUTPUTS
        whole = onnx.load_model_from_string(predictor.read_model())
        try:
            self._model = Extractor(whole).extract_model([frame], [probabilities])
        except Exception as error:  # onnx raises what its parts raise
            raise ModelError(f"{predictor.path}: its graph cannot be cut at the frame ({error})") from error
        self._layers = _layer_outputs(self._model)
        self._weights = {item.name: item for item in self._model.graph.initializer}
        self._session = _session(self._model)
        self._threads = predictor.threads

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, C) float32 of frames (N, 28, 28) float32 in [0, 1]."""
        batches = [frames[begin : begin + BATCH_SIZE] for begin in range(0, len(frames), BATCH_SIZE)]
        with ThreadPoolExecutor(self._threads) as pool:
            answers = list(pool.map(lambda batch: self._session.run(None, {OUTPUTS[0]: batch})[0], batches))
        return np.concatenate(answers) if answers else np.empty((0, 0), np.float32)

    def feature_maps(self, frame: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """What each layer makes of a frame (28, 28): arrays (channels, height, width), first layer first.

        Layers without place, such as those of a multilayer perceptron, come as (channels, 1, 1). The
        answer itself is left out.
        """
        deeper = onnx.ModelProto()
        deeper.CopyFrom(self._model)
        del deeper.graph.output[:]
        deeper.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self._layers)
        outputs = _session(deeper).run(None, {OUTPUTS[0]: frame[np.newaxis].astype(np.float32)})
        return [output[0].reshape(output.shape[1], *(output.shape[2:] or (1, 1))) for output in outputs]

    def first_layer_filters(self) -> NDArray[np.float32]:
        """Weights of the first layer as pictures (K, height, width): 3x3 of a convolution, else 28x28."""
        for node in self._model.graph.node:
            weights = [self._weights[name] for name in node.input if name in self._weights]
            if node.op_type not in _WEIGHTED or not weights:
                continue
            values = np.asarray(numpy_helper.to_array(weights[0]), dtype=np.float32)
            if values.ndim == 4:  # (K, 1, height, width)
                return values[:, 0]
            rows = values if values.shape[1] == FRAME_SIZE**2 else values.T  # (K, 784)
            return rows.reshape(-1, FRAME_SIZE, FRAME_SIZE)
        raise ModelError("the network has no layer with weights")


def _layer_outputs(model: onnx.ModelProto) -> list[str]:
    """Names of the tensors that end a layer: what the next weighted operator, or the answer, takes in."""
    names: list[str] = []
    pending: str | None = None
    for node in model.graph.node:
        if node.op_type in _WEIGHTED and pending is not None:
            names.append(pending)
            pending = None
        if node.op_type in _LAYER_ENDS:
            pending = node.output[0]
    return names


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
