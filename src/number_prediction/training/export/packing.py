"""Weights of convolutions -> one byte each, in the network and in its ONNX file.

The network is rounded first, so that file and network hold the same weights. Each weight becomes a whole
number from -127 to 127 times the scale of its output channel (Jacob et al., "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", 2018; here for weights only). ONNX Runtime
unpacks them once, when it loads the file, and computes in fp32.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

MAX_PACKED_WEIGHT = 127
"""Largest whole number of a packed weight."""
PACKED, SCALE = ".packed", ".scale"
"""Suffixes of the names of whole numbers and scales in a file."""
MIN_PACKED_WEIGHTS = 1000
"""Smallest number of weights of a convolution that is worth packing."""


def round_weights(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, with batch normalisation folded into convolutions and rounded weights."""
    rounded = copy.deepcopy(network).eval()
    for each in list(rounded.modules()):
        if isinstance(each, nn.Sequential):
            _fold(each)
    for each in rounded.modules():
        if isinstance(each, nn.Conv1d | nn.Conv2d):
            whole, scale = _quantize(each.weight.detach().cpu().numpy())
            each.weight.data = torch.tensor(whole * scale, device=each.weight.device)
    return rounded


def unpack(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    """The packed weights of a graph by the names that they had before; the file holds these as a node."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    weights = {}
    for name, tensor in tensors.items():
        if name.endswith(PACKED):
            original = name.removesuffix(PACKED)
            whole, scale = numpy_helper.to_array(tensor), numpy_helper.to_array(tensors[original + SCALE])
            weights[original] = whole.astype(np.float32) * scale
    return weights


def _fold(layers: nn.Sequential) -> None:
    for place, (layer, following) in enumerate(pairwise(layers)):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            layers[place] = fuse_conv_bn_eval(layer, following)
            layers[place + 1] = nn.Identity()


def _quantize(weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whole numbers of the same shape (O, ...), and the scale of each output channel (O, 1, ...)."""
    scale = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True) / np.float32(
        MAX_PACKED_WEIGHT
    )
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.round(weights / scale), scale


def pack(content: bytes) -> bytes:
    """Pack the rounded weights of convolutions of an ONNX file into a byte each; others stay."""
    model = onnx.load_from_string(content)
    graph = model.graph
    of_convolutions = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    unpacking = []
    for tensor in [each for each in graph.initializer if each.name in of_convolutions]:
        weights = numpy_helper.to_array(tensor)
        whole, scale = _quantize(weights)
        if weights.size < MIN_PACKED_WEIGHTS or not np.allclose(whole * scale, weights, rtol=1e-5, atol=0):
            continue
        packed, factor, unscaled = (tensor.name + suffix for suffix in (PACKED, SCALE, ".whole"))
        unpacking += [
            helper.make_node("Cast", [packed], [unscaled], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [unscaled, factor], [tensor.name]),
        ]
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(whole.astype(np.int8), packed))
        graph.initializer.append(numpy_helper.from_array(scale, factor))
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    smaller: bytes = model.SerializeToString()
    return smaller
